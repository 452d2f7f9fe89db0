"""Who may do what, written out: every verb with what it takes, every address, and every field that a body may bring.

`python -m tests.architecture.permissions` writes the table anew; it is reviewed as a file.
"""

import importlib
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from app.domain.actors import Action
from app.http.dependencies import Allowed, AllowedToOpen
from app.main import create_app
from app.services import verbs
from app.settings import Settings
from tests.architecture.tree import ROOT, modules

TABLE = ROOT / "tests" / "architecture" / "permissions.txt"


def of_verbs() -> Iterator[str]:
    """Give a line for each verb: what it does to what, and, where it changes anything, what it is given."""
    for service in modules("app/services"):
        importlib.import_module(f"app.services.{service.stem}")
    for name, asked in verbs.registered().items():
        module, _, function = name.removeprefix("app.services.").partition(".")
        given = inspect.signature(getattr(importlib.import_module(f"app.services.{module}"), function)).parameters
        taken = "" if asked.action is Action.READ else " (" + ", ".join(list(given)[1:]) + ")"
        yield f"verb {module}.{function}: {asked.action} {asked.noun}{taken}"


def of_addresses(settings: Settings) -> Iterator[str]:
    """Give a line for each address and method of both doors, and for each field of the bodies that they take."""
    for context in iter_route_contexts(create_app(settings).routes):
        route = context.original_route
        if not isinstance(route, APIRoute):
            continue
        for method in sorted(route.methods or ()):
            for each in route.dependant.dependencies:
                if isinstance(each.call, Allowed | AllowedToOpen):
                    yield f"address {method} {route.path}: {each.call.action} {each.call.thing}"
            for body in route.dependant.body_params:
                kind = body.field_info.annotation
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    fields = ", ".join(sorted(field.alias or name for name, field in kind.model_fields.items()))
                    yield f"body {method} {route.path}: {fields}"


def table(settings: Settings) -> list[str]:
    """Return the whole table, sorted."""
    return sorted({*of_verbs(), *of_addresses(settings)})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        own = Settings(data_dir=data, runtimes_dir=data, runtime_autoinstall=False, rehearsal=True, disk_reserve_mb=0)
        TABLE.write_text("\n".join(table(own)) + "\n", encoding="utf-8")
