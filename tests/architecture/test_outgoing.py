"""Who may call out: an address that a person chose is called by `app.kit.outgoing` alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, for_each, modules, name, syntax

CLIENTS = {
    "aiohttp", "ftplib", "http.client", "httpcore", "httpcore2", "httpx", "httpx2", "poplib", "requests", "smtplib",
    "socket", "socketserver", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client",
}  # fmt: skip
# Each of these calls no address that a person chose, and says here which one it does call.
ALLOWED = {
    "app/kit/addresses.py": "looks hosts up, connects to none",
    "app/kit/outgoing.py": "the one client",
    "app/kit/checked_transport.py": "the one client's connections",
    "app/kit/open_id.py": "names the errors of the one client, which it is given",
    "app/engine/webhooks.py": "names the errors of the one client, which it is given",
    "app/backends/openai_wire/transport/plane.py": "names the errors of the one client, which it is given",
    "app/backends/local/serving.py": "a child of its own, on loopback, at the port that the child wrote down",
    "app/backends/local/models.py": "the Hugging Face hub, or the operator's HF_ENDPOINT",
    "app/demo/client.py": "the server that the demo started itself",
    "app/cli.py": "binds a port to see whether it is free",
    "app/main.py": "names the type of what uvicorn listens on",
    "app/doctor.py": "binds a port to see whether it is free",
    "app/training/serving.py": "binds the port that it serves on",
}
# Clients of the OpenAI package's own make themselves one that follows redirects and reads proxies, unless given ours.
OPENAI_CLIENTS = {"OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"}


def clients(path: Path) -> Iterator[str]:
    """The modules that a file imports with which something can be called."""
    for node in ast.walk(syntax(path)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        yield from (each for each in found if each in CLIENTS or each.split(".")[0] in CLIENTS)


def bare(path: Path) -> Iterator[int]:
    """The lines at which an OpenAI client is made without an HTTP client of ours."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in OPENAI_CLIENTS and "http_client" not in {each.arg for each in node.keywords}:
                yield node.lineno


@for_each(modules("app"), name)
def test_only_those_with_a_reason_can_call_out(path: Path) -> None:
    assert name(path) in ALLOWED or set(clients(path)) == set(), "use app.kit.outgoing, or say why not in ALLOWED"


@for_each(modules("app"), name)
def test_clients_of_openai_are_given_the_one_client(path: Path) -> None:
    assert list(bare(path)) == []


def test_no_reason_is_left_over() -> None:
    assert [each for each in ALLOWED if not list(clients(ROOT / each))] == []


def test_the_one_client_is_loaded_where_something_is_called() -> None:
    tops = [node for node in syntax(ROOT / "app/kit/outgoing.py").body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert tops
    assert "httpx2" not in {each.name for node in tops for each in node.names}
