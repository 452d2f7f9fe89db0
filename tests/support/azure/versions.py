"""Which api-versions each resource type knows, and what a call with another one is told."""

from tests.support.azure.wire import AzureError

ML = "Microsoft.MachineLearningServices"
# The service's versions on the wire of the SDK or in the published resource types, oldest first.
_ML_VERSIONS = (
    "2021-07-01", "2022-01-01-preview", "2022-02-01-preview", "2022-05-01", "2022-06-01-preview", "2022-10-01",
    "2022-10-01-preview", "2022-12-01-preview", "2023-02-01-preview", "2023-04-01", "2023-04-01-preview",
    "2023-06-01-preview", "2023-08-01-preview", "2023-10-01", "2024-01-01-preview", "2024-04-01", "2024-04-01-preview",
    "2024-07-01-preview", "2024-10-01", "2024-10-01-preview", "2025-01-01-preview", "2025-04-01", "2025-04-01-preview",
    "2025-06-01", "2025-07-01-preview", "2025-09-01", "2025-10-01-preview", "2025-12-01", "2026-05-01",
)  # fmt: skip
# Before, an endpoint was of an offer, not of a model.
_SERVERLESS = tuple(v for v in _ML_VERSIONS if v >= "2024-01-01-preview")
_SINCE = {
    "workspaces/serverlessendpoints": _SERVERLESS,
    "workspaces/marketplacesubscriptions": _SERVERLESS,
}
_OTHER = {
    "microsoft.resources/subscriptions": (
        "2014-04-01",
        "2016-06-01",
        "2018-06-01",
        "2019-11-01",
        "2020-01-01",
        "2021-01-01",
        "2022-12-01",
    ),
    "microsoft.resources/subscriptions/resourcegroups": (
        "2018-05-01",
        "2019-10-01",
        "2020-06-01",
        "2021-04-01",
        "2022-09-01",
        "2024-03-01",
    ),
    "microsoft.resources/deployments": ("2019-10-01", "2020-06-01", "2021-04-01", "2022-09-01", "2024-03-01"),
    "microsoft.resources/providers": (
        "2016-06-01",
        "2018-05-01",
        "2019-10-01",
        "2020-06-01",
        "2021-04-01",
        "2022-09-01",
    ),
    "microsoft.authorization/roleassignments": ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01"),
    "microsoft.authorization/roledefinitions": ("2015-07-01", "2018-01-01-preview", "2022-04-01", "2022-05-01-preview"),
    "microsoft.authorization/permissions": ("2015-07-01", "2018-01-01-preview", "2022-04-01"),
    "microsoft.insights/metrics": ("2018-01-01", "2019-07-01", "2021-05-01", "2023-10-01"),
    "microsoft.storage/storageaccounts": (
        "2019-06-01",
        "2021-09-01",
        "2022-09-01",
        "2023-01-01",
        "2023-05-01",
        "2024-01-01",
    ),
}
# Fine-tuning jobs exist in these previews only (studied: absent from stable 2024-10-01 and 2026-05-01).
FINE_TUNING = frozenset({"2024-01-01-preview", "2024-10-01-preview", "2025-01-01-preview"})
CONTENT_SAFETY_SINCE = "2024-10-01"
# How content safety is exercised is said in these two previews only; in the second it has to be.
SAFETY_LEVEL: dict[str, tuple[str, ...]] = {"2024-10-01-preview": (), "2025-01-01-preview": ("contentSafetyLevel",)}


def known(kind: str) -> tuple[str, ...]:
    """Return the api-versions of a resource type ("Microsoft.X/a/b")."""
    namespace, _, rest = kind.lower().partition("/")
    if namespace != ML.lower():
        return _OTHER.get(kind.lower(), ())
    for prefix, versions in _SINCE.items():
        if rest == prefix or rest.startswith(f"{prefix}/"):
            return versions
    return _ML_VERSIONS


def check(kind: str, version: str | None, location: str) -> str:
    """Return the version; raises AzureError 400 where it is missing, ill-formed or unknown for the type."""
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(400, "MissingApiVersionParameter", message)
    supported = known(kind)
    if version in supported:
        return version
    names = ", ".join(reversed(supported))
    namespace, _, rest = kind.partition("/")
    if namespace.lower() == "microsoft.resources":
        message = f"The api-version '{version}' is invalid. The supported versions are '{names}'."
        raise AzureError(400, "InvalidApiVersionParameter", message)
    message = f"No registered resource provider found for location '{location}' and API version '{version}' for type"
    message = f"{message} '{rest}'. The supported api-versions are '{names}'."
    raise AzureError(400, "NoRegisteredProviderFound", message)
