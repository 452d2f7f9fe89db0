"""Where the house is put together: settings in, application out. Nothing else makes long-lived things."""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.api import discovery
from app.api.openapi import describe_api
from app.api.router import ROUTERS as API
from app.backends.registry import REGISTRY, Registry, Surroundings
from app.domain.actors import ENGINE
from app.domain.backend import NoCapacity
from app.engine.clockwork import Clockwork
from app.http.actor import Accounts
from app.http.application import GuardedApp
from app.http.guard import MIB, GuardPolicy
from app.http.problem_answers import answer_problems
from app.kit import crash_points, heap, locks, logs
from app.kit.addresses import AddressPolicy
from app.kit.clock import Clock, SystemClock
from app.kit.open_id import OpenIdProvider
from app.kit.outgoing import Outgoing
from app.kit.vault import Vault, VaultClosed
from app.kit.watchdog import exit_after
from app.openai_api.router import ROUTERS as OPENAI
from app.runtimes.environments import RuntimeEnvironments, RuntimeStatus
from app.services import connections, entering, orphan_runs
from app.services.scope import AppContext, Backends, Scopes, SignOn
from app.settings import ROOT, Settings, environment
from app.setup.problems import SetupError
from app.store import audit, data_folder, sealed
from app.store.database import Database, Writer
from app.store.files import FileStore
from app.store.migrating import file_of, upgrade
from app.web.site import ROUTERS as PAGES
from app.web.site import problem_page, static_files

VERSION = "0.1.0"
RUNTIME = "trl"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAMPLES = ROOT / "app" / "samples"
_GRACE_S = 3  # seconds for open requests and streams once the server is told to stop
_STOPPED_WITHIN_S = 9.0  # whatever a provider or a model takes; what is lost by it is found again at the next start
_LOCK_PATIENCE_S = 5.0

log = logging.getLogger("tunedesk")


def create_app(settings: Settings, *, clock: Clock | None = None, registry: Registry = REGISTRY) -> FastAPI:
    """Return the whole application. The database is brought to this version first.

    `registry` lists the backends; tests add one of their own, and hand in a clock that they turn.

    Raises:
        SetupError: the data folder or the database in it cannot be used.
    """
    open_data(settings)
    app_context = make_app_context(settings, clock=clock or SystemClock(), registry=registry)
    scopes = Scopes(app_context)
    clockwork = Clockwork(scopes, interval_s=settings.engine_interval_s, lease_s=settings.lease_s)
    scopes.nudge = clockwork.nudge
    with scopes.open(ENGINE) as scope:
        connections.ensure_built_in(scope)
        _seal_anew(scope.write, app_context.backends.vault)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        turning = asyncio.create_task(clockwork.run(stop))
        try:
            yield
        finally:
            stop.set()
            clockwork.nudge()
            await turning
            app_context.database.close()

    policy = GuardPolicy(
        hosts=LOOPBACK_NAMES | {name.lower() for name in settings.allowed_hosts},
        by_tls=settings.by_tls,
        upload_bytes=settings.upload_limit_mb * MIB,
    )
    app = GuardedApp(policy=policy, describe=describe_api, title="TuneDesk", version=VERSION, lifespan=lifespan)
    app.state.scopes = scopes
    app.state.accounts = accounts_in(app_context, settings)
    app.state.clockwork = clockwork
    app.include(PAGES)  # first, because open pages ask by themselves; no address is of two of the three
    app.include([*API, discovery.router_of(app_context.backends.kinds)])
    app.include(OPENAI)
    app.mount("/static", static_files(ROOT / "static"), name="static")
    answer_problems(app, problem_page)
    return app


def open_data(settings: Settings) -> None:
    """Make the data folder its owner's alone, and bring the database to this version.

    Raises:
        SetupError: either cannot be used.
    """
    folder = settings.data_dir
    data_folder.prepare(folder)
    file = file_of(settings.url)
    databases = [] if file is None else [file.with_name(file.name + ending) for ending in ("", "-wal", "-shm")]
    changed, left = data_folder.tighten(folder, settings.secret_key_file, *databases)
    if changed:
        log.info("%d files and folders of %s were open to others; they are their owner's alone now", changed, folder)
    if left:
        more = f" and {len(left) - 1} more files and folders" if left[1:] else ""
        why = "belongs to somebody else, or its file system knows no rights"
        log.warning("Others may read %s%s: what is open to them %s", left[-1], more, why)
    upgrade(settings.url, ROOT / "migrations")


def make_app_context(settings: Settings, *, clock: Clock, registry: Registry = REGISTRY) -> AppContext:
    """Return what all scopes share, over data that were opened."""
    files = FileStore(
        settings.data_dir, upload_limit=settings.upload_limit_mb * MIB, disk_reserve=settings.disk_reserve_mb * MIB
    )
    named = {RUNTIME: settings.runtime_python} if settings.runtime_python else {}
    runtimes = RuntimeEnvironments(settings.runtimes_dir, named=named)
    # Where it is reached under loopback names alone, whoever may type an address sits at this machine (ADR 0042).
    policy = AddressPolicy(allowed=frozenset(settings.outgoing_allowed), loopback=not settings.allowed_hosts)
    outgoing = Outgoing(policy, settings.outgoing_ca_file)
    client = settings.open_id_client()
    around = Surroundings(
        runs=files.runs,
        samples=SAMPLES,
        interpreter=partial(_interpreter, settings, runtimes),
        environment=environment(),
        clock=clock,
        outgoing=outgoing,
    )
    return AppContext(
        database=Database(settings.url),
        clock=clock,
        files=files,
        backends=Backends(*registry.made(settings, around), vault=Vault(settings.secret_key_file)),
        runtimes=runtimes,
        samples=SAMPLES,
        version=VERSION,
        idle_stop_s=settings.idle_stop_s,
        audit_days=settings.audit_days,
        checkpoint_days=settings.checkpoint_days,
        at_once_bytes=int(settings.at_once_mb * MIB),
        import_roots=settings.import_roots,
        outgoing=outgoing,
        model_roots=settings.model_roots,
        sign_on=None if client is None else SignOn(settings.directory, OpenIdProvider(client, outgoing, clock)),
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop; makes the runtime environment in the background unless that is switched off.

    Raises:
        SetupError: when the address is not loopback, or another process has the data folder.
    """
    os.umask(data_folder.OTHERS)
    heap.share_one()
    with ExitStack() as stack:
        server = _made(settings, stack)
        gc.freeze()  # what stands now stays for good
        gc.enable()
        server.run()


def _made(settings: Settings, stack: ExitStack) -> uvicorn.Server:
    """Return the server, ready to run; `stack` holds the data folder's lock."""
    data_folder.prepare(settings.data_dir)
    if not stack.enter_context(locks.held(settings.data_dir / "tunedesk.lock", patience_s=_LOCK_PATIENCE_S)):
        raise SetupError(
            f"Another TuneDesk is using the data folder {settings.data_dir}.",
            "Stop it, or start this one with another folder: --data-dir PATH",
        )
    logs.configure(settings.log_level, settings.log_form, environment())
    crash_points.arm(settings.crash_at)
    app = create_app(settings)
    _refuse_open_doors(settings, accounts=app.state.accounts is not None)
    app.state.scopes.app_context.files.clear_half_written()  # nobody else has the folder, and nobody is let in yet
    _begin_runtime(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # its lines go the way of all others, past the redaction
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_farewell)
    return _Announcing(config, app.state.scopes.app_context.backends)


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Let through what is not about a stream that ends because the server does: that is told once, without a trace."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def migrate(settings: Settings) -> None:
    """Bring the database to this version.

    Raises:
        SetupError: it cannot be used.
    """
    os.umask(data_folder.OTHERS)
    open_data(settings)


def _seal_anew(tx: Writer, vault: Vault) -> None:
    """Seal what 8b96ff6 sealed by the keys of today, and say so where the key is gone."""
    if not sealed.count(tx):
        return
    done = sealed.reseal(tx, vault, older_only=True)
    if done.lost or not vault.key_file.exists():
        log.error("The key file %s is not the one that sealed the secrets here: put it back.", vault.key_file)
    if done.count:
        log.info("%d secrets were sealed anew, each by a key of its purpose", done.count)


def verify_audit(settings: Settings, head: str = "") -> tuple[bool, str]:
    """Return whether the audit is whole, in a sentence, too; a server may be at work.

    `head` is the newest hash of an earlier look: it must still be in the chain.

    Raises:
        SetupError: the database cannot be used.
    """
    open_data(settings)
    database = Database(settings.url)
    try:
        with database.reading() as tx:
            found = audit.verify(tx)
            known = not head or audit.has(tx, head)
    finally:
        database.close()
    if not found.whole:
        return False, found.problem
    if not known:
        return False, f"The hash {head} is not in it: what stood behind it was taken out, or is too old to be kept."
    return (
        True,
        f"The audit is whole: {found.entries} entries from number {found.first} on, up to the hash {found.head}",
    )


def rotate_secrets(settings: Settings) -> str:
    """Seal every secret with a new key, and forget the old one; return in a sentence what was done.

    A kill at any instant leaves a file whose keys open everything: a new key is added first, and the old ones go last.

    Raises:
        SetupError: while a server has the data folder, or where the keys or a secret cannot be used.
    """
    os.umask(data_folder.OTHERS)
    with locks.held(settings.data_dir / "tunedesk.lock") as alone:
        if not alone:
            raise SetupError(
                f"A TuneDesk is using the data folder {settings.data_dir}.", "Stop it, rotate, then start it again."
            )
        open_data(settings)
        vault, database = Vault(settings.secret_key_file), Database(settings.url)
        try:
            vault.add_key()
            with database.writing() as tx:
                done = sealed.reseal(tx, vault, older_only=False)
            if done.lost:
                raise SetupError(
                    f"No key opens {', '.join(done.lost)}; the rest is sealed with a new key, and older keys are kept.",
                    "Put the right key into the key file, or enter these secrets again; then rotate once more.",
                )
            dropped = vault.drop_older_keys()
        except VaultClosed as closed:
            raise SetupError(str(closed), "See TUNEDESK_SECRET_KEY_FILE in docs/settings.md.") from None
        finally:
            database.close()
    return f"{done.count} secrets are sealed with a new key; {dropped} old keys are gone from {vault.key_file}."


class _Announcing(uvicorn.Server):
    """A server that prints its address once it really listens, and at its end what goes on without it."""

    def __init__(self, config: uvicorn.Config, backends: Backends) -> None:
        super().__init__(config)
        self._backends = backends

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets[:1]:
                host, port = listener.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                scheme = "https" if self.config.is_ssl else "http"
                print(f"TuneDesk is at {scheme}://{shown}:{port}/  (stop with Ctrl-C)", flush=True)  # noqa: T201 -- the one line

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        exit_after(_STOPPED_WITHIN_S, lambda: log.warning("stopped before everything had answered; nothing is lost"))
        await super().shutdown(sockets)
        going_on = [f"{count} {what}" for what, count in orphan_runs.at_work(self._backends).items() if count]
        if going_on:
            listed = ", ".join(going_on)
            print(f"Still at work, and taken up again by the next start: {listed}.", flush=True)  # noqa: T201 -- the last line


def _interpreter(settings: Settings, runtimes: RuntimeEnvironments) -> Path:
    """Return the runtime's interpreter.

    Raises:
        NoCapacity: while there is none, with how far it is.
    """
    state = runtimes.state(RUNTIME)
    python = settings.runtime_python or state.python
    if python is None:
        share = f" ({state.progress:.0%})" if state.status is RuntimeStatus.INSTALLING else ""
        raise NoCapacity(
            f"The runtime environment is not ready: {state.message.rstrip('.')}{share}.",
            fix="See Settings, Runtime environments.",
        )
    if not python.exists():
        raise NoCapacity(
            f"The interpreter {python} is not there.",
            fix="Correct TUNEDESK_RUNTIME_PYTHON, or leave it out and run: python3 -m app runtime install trl",
        )
    return python


def _begin_runtime(settings: Settings) -> None:
    if settings.runtime_autoinstall and settings.runtime_python is None:
        runtimes = RuntimeEnvironments(settings.runtimes_dir)
        if runtimes.state(RUNTIME).status is RuntimeStatus.ABSENT:
            runtimes.start(RUNTIME)


def accounts_in(app_context: AppContext, settings: Settings) -> Accounts | None:
    """Return how people are told apart; None where there are no accounts."""
    if not entering.are_on(app_context):
        return None
    return Accounts(
        app_context=app_context,
        secure=settings.by_tls,
        proxies=[ip_network(each) for each in settings.trusted_proxies],
        person_header=settings.person_header,
    )


def _refuse_open_doors(settings: Settings, *, accounts: bool) -> None:
    """Return if it may serve where it is told to.

    Raises:
        SetupError: beyond loopback without accounts, names, or TLS.
    """
    host = settings.host
    loopback = host == "localhost"
    if not loopback:
        try:
            loopback = ip_address(host.strip("[]")).is_loopback
        except ValueError:
            loopback = False
    if loopback:
        return
    if not accounts:
        raise SetupError(
            f"TuneDesk does not serve on {host}: it has no accounts, so everybody who reached it would own it.",
            "Switch accounts on (python3 -m app accounts on --admin NAME), or serve on 127.0.0.1 and reach it from "
            "elsewhere through an SSH tunnel: ssh -L 8000:127.0.0.1:8000 HOST",
        )
    if not settings.allowed_hosts:
        raise SetupError(
            f"TuneDesk does not serve on {host} before it knows under which names.",
            """Name them: TUNEDESK_ALLOWED_HOSTS='["tunedesk.example"]'""",
        )
    if settings.tls_certificate is None and not settings.insecure_http:
        raise SetupError(
            f"TuneDesk does not serve on {host} without TLS: passwords and sessions would be read on the way.",
            "Name a certificate and its key (TUNEDESK_TLS_CERTIFICATE, TUNEDESK_TLS_KEY), or say --insecure-http where "
            "a proxy before it does that.",
        )
