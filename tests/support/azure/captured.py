"""What lies outside Azure's published types (sign-in, registries, history, scoring), held against captured traffic.

`captured.jsonl` is what the unmodified SDKs sent to these hosts when they were first followed: method, host, path with
its variable words in braces, and the names of query and body members. What our own client sends beside that is listed
here, each with the reason why no SDK was seen sending it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.support.azure.wire import Json, Seen

_FILE = Path(__file__).with_name("captured.jsonl")
_RUN = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.MachineLearningServices/workspaces/{w}"
_ARM_HOST = "management.azure.com"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of request, and for those that were not captured why they are right."""

    method: str
    where: re.Pattern[str]
    query: frozenset[str]
    body: frozenset[str]
    reason: str = "captured"

    def fits(self, seen: Seen) -> bool:
        """Whether a request is of this kind: nothing in it has another name."""
        if seen.method != self.method or not self.where.fullmatch(f"{seen.host}{seen.path}"):
            return False
        names = frozenset(seen.body) if isinstance(seen.body, dict) else frozenset()
        return frozenset(seen.query) <= self.query and names <= self.body


def _shape(one: Json, reason: str = "captured") -> Shape:
    words = re.split(r"\{[^}]+\}", f"{one['host']}{one['path']}")
    where = re.compile("[^/]+".join(re.escape(word) for word in words))
    return Shape(one["method"], where, frozenset(one["query"]), frozenset(one["body"]), reason)


def _beyond(method: str, host: str, path: str, query: str = "", body: str = "", *, reason: str) -> Shape:
    return _shape({"method": method, "host": host, "path": path, "query": query.split(), "body": body.split()}, reason)


_LOGIN, _DATA = "login.microsoftonline.com", "{region}.api.azureml.ms"
_MLFLOW, _RUNS = f"/mlflow/v1.0{_RUN}/api/2.0/mlflow", f"/history/v1.0{_RUN}/runs/{{r}}"
_REGISTRY = "{registry}.experiments.azureml.net"
_MODELS = "/mferp/managementfrontend/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.MachineLearningServices"
_SERVERLESS, _ONLINE = "{endpoint}.{region}.models.ai.azure.com", "{endpoint}.{region}.inference.ml.azure.com"
_TOKEN = "client_id grant_type client_info client_secret scope client_assertion client_assertion_type device_code"
_CHAT = "messages max_tokens temperature top_p stream stop seed model frequency_penalty presence_penalty stream_options"
_SEARCH = "experiment_ids filter max_results page_token order_by run_view_type"
_PATCH = "hidden tags displayName description properties"
_SIGN_IN = (
    "other sign-ins than the captured one by secret, as MSAL sends them; this repository's tests run the real ones"
)
_REST = "MLflow's own REST interface, which mlflow-skinny was seen using; the SDK has no method for metrics"
_HISTORY = "the run history beside /details, as the service's studio and its older SDK use it"
_OPTIONS = "the chat completions interface with its optional members"
_PLANE = (
    "captured at the region's host; discovery names this one, as Azure/azure-sdk-assets recorded it (test_model.py)"
)
_PAGE = "the next page of a captured list, at the address that the service gave"
BEYOND = (
    _beyond("POST", _LOGIN, "/{t}/oauth2/v2.0/token", body=f"{_TOKEN} refresh_token claims code", reason=_SIGN_IN),
    _beyond("POST", _LOGIN, "/{t}/oauth2/v2.0/devicecode", body="client_id scope claims", reason=_SIGN_IN),
    _beyond("GET", _LOGIN, "/common/discovery/instance", "api-version authorization_endpoint", reason=_SIGN_IN),
    _beyond("GET", _DATA, f"{_MLFLOW}/runs/get", "run_id run_uuid", reason=_REST),
    _beyond("GET", _DATA, f"{_MLFLOW}/metrics/get-history", "run_id metric_key max_results page_token", reason=_REST),
    _beyond("POST", _DATA, f"{_MLFLOW}/runs/search", body=_SEARCH, reason=_REST),
    _beyond("GET", _DATA, _RUNS, "api-version", reason=_HISTORY),
    _beyond("GET", _DATA, f"{_RUNS}/events", "api-version", reason=_HISTORY),
    _beyond("PATCH", _DATA, _RUNS, "api-version", _PATCH, reason=_HISTORY),
    *(
        _beyond("GET", host, f"{_MODELS}/registries/{{r}}/models{below}", f"api-version {names}", reason=reason)
        for host, reason in ((_DATA, _PAGE), (_REGISTRY, _PLANE))
        for below, names in (("", "listViewType $skip $top"), ("/{m}/versions", "$skip $top $orderBy"))
    ),
    _beyond("GET", _REGISTRY, f"{_MODELS}/registries/{{r}}/models/{{m}}/versions/{{v}}", "api-version", reason=_PLANE),
    _beyond("POST", _SERVERLESS, "/v1/chat/completions", body=_CHAT, reason=_OPTIONS),
    _beyond("POST", _ONLINE, "/v1/chat/completions", body=_CHAT, reason=_OPTIONS),
    _beyond(
        "POST",
        _ONLINE,
        "/score",
        body="input_data inputs parameters params",
        reason="the forms of Microsoft's samples for language models (app/…/serving/scoring_forms.py names each)",
    ),
)


@lru_cache(maxsize=1)
def shapes() -> tuple[Shape, ...]:
    """Return every kind of request that is known to be right."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return (*(_shape(json.loads(line)) for line in lines), *BEYOND)


def check_shapes(requests: Iterable[Seen]) -> list[str]:
    """Return the accepted requests to hosts other than Resource Manager and the blob store that fit no known kind."""
    strange = []
    for seen in requests:
        other = seen.host != _ARM_HOST and not seen.host.endswith(".blob.core.windows.net")
        if other and seen.status < 400 and seen.fault is None and not any(one.fits(seen) for one in shapes()):
            body = sorted(seen.body) if isinstance(seen.body, dict) else ""
            strange.append(f"{seen.method} {seen.host}{seen.path} {sorted(seen.query)} {body}")
    return strange
