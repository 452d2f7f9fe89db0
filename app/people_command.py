"""What `python3 -m app accounts …` does: from one to many and back, and codes for whoever has lost their password."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.actors import OWNER
from app.kit import locks
from app.kit.clock import SystemClock
from app.main import make_app_context, open_data
from app.services import switching
from app.services.people import Code
from app.services.scope import Scope, Scopes
from app.settings import Settings
from app.setup.problems import SetupError
from app.store import data_folder

Tell = Callable[[str], None]


def switch_on(settings: Settings, *, administrator: str, project: str, tell: Tell) -> None:
    """Switch accounts on, or go on with that.

    Raises:
        SetupError: TuneDesk runs on that data folder.
        DomainError: a name is wrong.
    """
    with _alone(settings) as scope:
        done = switching.switch_on(scope, administrator=administrator, project=project)
    things = "1 thing" if done.given == 1 else f"{done.given} things"
    tell(f"Accounts are on. {things} that belonged to no project: now in {done.project.name!r}.")
    tell(f"{done.administrator.name} administers this installation.")
    if done.code is not None:
        _show(done.code, tell)


def switch_off(settings: Settings, *, tell: Tell) -> None:
    """Let whoever sits at this machine be the owner again.

    Raises:
        SetupError: TuneDesk runs on that data folder.
    """
    with _alone(settings) as scope:
        switching.switch_off(scope)
    tell("Accounts are off: TuneDesk serves on loopback only, and whoever sits at this machine is its owner.")


def make_code(settings: Settings, *, name: str, tell: Tell) -> None:
    """Give somebody a code for a new password, also while TuneDesk runs.

    Raises:
        NotFound: nobody has an account of that name.
    """
    with _opened(settings) as scope:
        code = switching.code_for(scope, name)
    _show(code, tell)


def _show(code: Code, tell: Tell) -> None:
    tell(f"One-time code for {code.person.name}, good until {code.expires_at:%H:%M} UTC: {code.secret}")
    tell("Start TuneDesk, open its page /welcome, and choose a password with it.")


@contextmanager
def _alone(settings: Settings) -> Iterator[Scope]:
    """Give a scope while nobody else has the data folder: a server reads at its start whether there are accounts."""
    data_folder.prepare(settings.data_dir)
    with locks.held(settings.data_dir / "tunedesk.lock", patience_s=0) as alone:
        if not alone:
            raise SetupError(f"TuneDesk is using the data folder {settings.data_dir}.", "Stop it, then say this again.")
        with _opened(settings) as scope:
            yield scope


@contextmanager
def _opened(settings: Settings) -> Iterator[Scope]:
    os.umask(data_folder.OTHERS)
    open_data(settings)
    app_context = make_app_context(settings, clock=SystemClock())
    try:
        with Scopes(app_context).open(OWNER) as scope:
            yield scope
    finally:
        app_context.database.close()
