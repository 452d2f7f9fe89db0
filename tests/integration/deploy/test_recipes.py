"""The recipes for a team's server, as text: what they must hold wherever they run."""

import configparser
import re
from pathlib import Path
from typing import Any

import yaml

from app.settings import Settings
from tests.architecture.tree import ROOT

DEPLOY = ROOT / "docs" / "deploy"
FILES = [ROOT / "compose.yaml", ROOT / "Dockerfile", ROOT / "docs" / "deploy.md", *sorted(DEPLOY.iterdir())]
NO_SETTINGS = {"TUNEDESK_NAME"}  # read by compose and Caddy


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(ROOT / "compose.yaml"))
    return found


def test_every_setting_that_is_named_exists() -> None:
    fields = {f"TUNEDESK_{name.upper()}" for name in Settings.model_fields} | NO_SETTINGS
    named = {name for path in FILES for name in re.findall(r"TUNEDESK_[A-Z_]+[A-Z]", text(path))}
    assert named
    assert named - fields == set()


def test_containers_may_write_little_and_become_nobody_else() -> None:
    for service in compose()["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert compose()["services"]["tunedesk"]["user"] == "10001:10001"


def test_only_the_proxy_is_reached_from_elsewhere() -> None:
    """It shares TuneDesk's network, which publishes the proxy's ports and not its own."""
    services = compose()["services"]
    assert services["tunedesk"]["ports"] == ["80:80", "443:443"]
    assert services["proxy"]["network_mode"] == "service:tunedesk"
    assert "ports" not in services["proxy"]
    assert services["proxy"]["depends_on"]["tunedesk"]["condition"] == "service_healthy"


def test_the_key_lies_apart_from_the_data() -> None:
    named = dict(re.findall(r"(TUNEDESK_[A-Z_]+)=(/[^ \\\n]+)", text(ROOT / "Dockerfile")))
    assert not named["TUNEDESK_SECRET_KEY_FILE"].startswith(named["TUNEDESK_DATA_DIR"])
    targets = [each.rpartition(":")[2] for each in compose()["services"]["tunedesk"]["volumes"]]
    assert targets == ["/var/lib/tunedesk", "/var/lib/tunedesk-key"]


def test_the_image_runs_as_a_user_and_asks_after_readiness() -> None:
    lines = text(ROOT / "Dockerfile").splitlines()
    assert "USER tunedesk" in lines
    assert lines.index("USER tunedesk") > max(at for at, line in enumerate(lines) if line.startswith("RUN"))
    assert "/healthz/ready" in text(ROOT / "Dockerfile")


def test_the_unit_is_confined() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their capitals
    parser.read(DEPLOY / "tunedesk.service")
    service = parser["Service"]
    assert service["User"] == "tunedesk"
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["UMask"] == "0077"


def test_proxies_send_streams_on_and_let_nobody_claim_to_be_one() -> None:
    nginx, caddy = text(DEPLOY / "nginx.conf"), text(DEPLOY / "Caddyfile")
    for line in (
        "proxy_buffering off;", "proxy_request_buffering off;", "client_max_body_size 0;",
        "proxy_set_header X-Forwarded-For $remote_addr;", 'proxy_set_header Forwarded "";', 'proxy_set_header Via "";',
        'proxy_set_header X-Remote-User "";', "Strict-Transport-Security",
    ):  # fmt: skip
        assert line in nginx
    for line in ("flush_interval -1", *(f"header_up -{each}" for each in ("Forwarded", "Via", "X-Remote-User"))):
        assert line in caddy
    assert "Strict-Transport-Security" in caddy
