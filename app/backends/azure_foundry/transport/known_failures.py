"""Failures of Azure that are known: by which code or words each is recognised, what it comes to, what to do, and who
says so. The first entry that fits counts, so the special ones stand before the general ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.backend import (
    BackendError,
    DataRejected,
    NoCapacity,
    NotAuthorised,
    QuotaExceeded,
    RateLimited,
    Rejected,
    Unavailable,
)

_ENTRA = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
_IDENTITY = "https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains"
_ARM = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"
_PROVIDER = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider"
_FINE_TUNE = "https://learn.microsoft.com/azure/ai-foundry/how-to/fine-tune-serverless"
_QUOTA = "https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas"
_ONLINE = "https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints"
_SERVERLESS = "https://learn.microsoft.com/azure/ai-foundry/how-to/deploy-models-serverless"
_RBAC = "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting"


class NotThere(NotAuthorised):
    """The place that the connection names does not exist: its jobs wait until somebody mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One failure. `code` and `words` are regular expressions; an entry fits if each that is given is found."""

    code: str = ""  # in the codes of the answer
    words: str = ""  # in its message
    kind: type[BackendError]
    cause: str
    fix: str
    source: str
    _code: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _words: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_code", re.compile(self.code, re.IGNORECASE))
        object.__setattr__(self, "_words", re.compile(self.words, re.IGNORECASE))

    def depth(self, codes: Sequence[str]) -> int:
        """Return how far within the answer the code stands that this failure goes by."""
        return max((number for number, each in enumerate(codes) if self._code.fullmatch(each)), default=-1)

    def fits(self, codes: Sequence[str], message: str) -> bool:
        """Tell whether an answer with these codes and this message is this failure."""
        if self.code and not any(self._code.fullmatch(each) for each in codes):
            return False
        return self._words.search(message) is not None


KNOWN: Sequence[Known] = (
    # -- signing in ---------------------------------------------------------------------------------------------
    Known(
        words="AADSTS7000215", kind=NotAuthorised, source=_ENTRA,
        cause="The client secret is wrong",
        fix="Enter the secret's value, not its id; if in doubt, make a new secret in the app registration.",
    ),
    Known(
        words="AADSTS7000222", kind=NotAuthorised, source=_ENTRA,
        cause="The client secret has expired",
        fix="Make a new secret in the app registration, and enter it on the connection's page.",
    ),
    Known(
        words="AADSTS700016", kind=NotAuthorised, source=_ENTRA,
        cause="The tenant does not know this client id",
        fix="Compare the client id and the tenant with the app registration's overview.",
    ),
    Known(
        words="AADSTS90002|AADSTS900023|double check your tenant name", kind=NotAuthorised, source=_ENTRA,
        cause="There is no such tenant",
        fix="Correct the tenant; `az account show --query tenantId` prints it.",
    ),
    Known(
        words="AADSTS700027|AADSTS700030", kind=NotAuthorised, source=_ENTRA,
        cause="The certificate is not the one that the app registration knows",
        fix="Upload the certificate's public part to the app registration, or enter the right one here.",
    ),
    Known(
        words="AADSTS70021\\b|AADSTS700211|AADSTS700212|AADSTS700213", kind=NotAuthorised, source=_ENTRA,
        cause="No federated credential of the app registration fits the workload's token",
        fix="Compare issuer, subject and audience of the federated credential with the service account.",
    ),
    Known(
        words="AADSTS700024", kind=NotAuthorised, source=_ENTRA,
        cause="The signed assertion is outside of its time: the clocks differ",
        fix="Set this machine's clock (NTP); the connection's checks show by how much it is off.",
    ),
    Known(
        words="AADSTS50076|AADSTS50079|AADSTS53003|interaction_required", kind=NotAuthorised, source=_ENTRA,
        cause="The tenant's rules ask a person to confirm the sign-in",
        fix="Use a service principal or a managed identity, or sign in by device code again.",
    ),
    Known(
        words="AADSTS50173|AADSTS700082|AADSTS70043", kind=NotAuthorised, source=_ENTRA,
        cause="The sign-in has run out",
        fix="Sign in again on the connection's page.",
    ),
    Known(
        words="DefaultAzureCredential failed", kind=NotAuthorised, source=_IDENTITY,
        cause="Nothing on this machine can sign in to Azure",
        fix="Run `az login`, set AZURE_CLIENT_ID and its like, or choose another way to sign in.",
    ),
    Known(
        words="ManagedIdentityCredential|managed identity .{0,60}(unavailable|not found)", kind=NotAuthorised,
        source=_IDENTITY,
        cause="This machine has no managed identity, or not this one",
        fix="Assign an identity to the machine or app on which TuneDesk runs, or choose another way to sign in.",
    ),
    Known(
        words="WorkloadIdentityCredential", kind=NotAuthorised, source=_IDENTITY,
        cause="The platform has not set up workload identity for TuneDesk",
        fix="Label the pod and its service account for it, or name tenant, client id and token file.",
    ),
    Known(
        words="Azure CLI not found|az login", kind=NotAuthorised,
        source="https://learn.microsoft.com/python/api/azure-identity/azure.identity.azureclicredential",
        cause="The Azure CLI is not signed in on this machine, or not installed",
        fix="Run `az login` as the user that runs TuneDesk, or choose another way to sign in.",
    ),
    Known(
        code="InvalidAuthenticationToken|ExpiredAuthenticationToken|InvalidAuthenticationTokenTenant",
        kind=NotAuthorised, source=_ARM,
        cause="Azure does not accept the token",
        fix="Run the connection's checks: the tenant of the subscription and of the sign-in must be the same.",
    ),
    # -- rights -------------------------------------------------------------------------------------------------
    Known(
        code="LinkedAuthorizationFailed", kind=NotAuthorised, source=_ARM,
        cause="The role is missing on a resource that this one belongs to",
        fix="Ask an administrator for the action that the message names, for hubs: hubs/join/action.",
    ),
    Known(
        code="AuthorizationPermissionMismatch", kind=NotAuthorised,
        source="https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access",
        cause="A role on the project's storage account is missing",
        fix="Give the account the role Storage Blob Data Contributor on the storage account.",
    ),
    Known(
        code="AuthorizationFailed", kind=NotAuthorised, source=_RBAC,
        cause="A role is missing",
        fix="Ask an administrator for a role with that action, usually Azure AI Developer on the resource group.",
    ),
    Known(
        code="RequestDisallowedByPolicy|RequestDisallowedByAzure", kind=Rejected, source=_ARM,
        cause="A policy of the organisation forbids this",
        fix="The message names the policy; its owner can make an exception, or choose another region.",
    ),
    Known(
        code="ScopeLocked", kind=Rejected, source=_ARM,
        cause="A lock protects the resource",
        fix="An owner removes the lock, or it stays as it is.",
    ),
    Known(
        code="KeyBasedAuthenticationNotPermitted|AuthenticationFailed|AuthorizationFailure", words="storage|blob|key",
        kind=NotAuthorised, source="https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent",
        cause="The project's storage account refuses the datastore's credential",
        fix="Give the identity Storage Blob Data Contributor, or allow keys on the storage account.",
    ),
    Known(
        code="AuthorizationFailure", kind=NotAuthorised,
        source="https://learn.microsoft.com/azure/storage/common/storage-network-security",
        cause="The storage account's firewall keeps this machine out",
        fix="Allow this machine's address in the storage account's networking, or use its private endpoint.",
    ),
    # -- where it should be -------------------------------------------------------------------------------------
    Known(
        code="SubscriptionNotFound|InvalidSubscriptionId", kind=NotAuthorised, source=_ARM,
        cause="The subscription is not there, or this sign-in may not see it",
        fix="Choose it from the list on the connection's page; check the tenant.",
    ),
    Known(
        code="ReadOnlyDisabledSubscription|DisabledSubscription|SubscriptionNotRegistered|SubscriptionDisabled",
        kind=NotAuthorised, source="https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled",
        cause="The subscription is disabled",
        fix="Its owner has to reactivate it (billing); only a paid subscription can fine-tune.",
    ),
    Known(
        code="ResourceGroupNotFound", kind=NotThere, source=_ARM,
        cause="The resource group is not there",
        fix="Choose it from the list on the connection's page.",
    ),
    Known(
        code="ResourceNotFound|WorkspaceNotFound|NotFound", kind=NotThere, source=_ARM,
        words=r"Microsoft\.MachineLearningServices/workspaces/[^/'\"\s]+['\"\s]",
        cause="The project is not there",
        fix="Choose it from the list on the connection's page.",
    ),
    Known(
        code="MissingSubscriptionRegistration", kind=NotAuthorised, source=_PROVIDER,
        cause="A resource provider is not registered in the subscription",
        fix="An administrator runs: az provider register --namespace Microsoft.MachineLearningServices "
        "(and Microsoft.Network).",
    ),
    Known(
        code="NoRegisteredProviderFound|InvalidApiVersionParameter|UnsupportedApiVersion", kind=Rejected,
        source=_PROVIDER,
        cause="Azure does not offer this version of its interface in this place",
        fix="Update TuneDesk; until then, use a project in another region.",
    ),
    Known(
        words=r"soft.?deleted|aka\.ms/wsoftdelete|in (a )?deleted state|recoverable state", kind=Rejected,
        source="https://learn.microsoft.com/azure/machine-learning/concept-soft-delete",
        cause="Azure still keeps a deleted one of this name",
        fix="Recover or purge it (portal, Recently deleted; a key vault by az keyvault purge), or take another name.",
    ),
    Known(
        code="InvalidResourceLocation|ResourceLocationMismatch", kind=Rejected, source=_ARM,
        cause="The name is taken in another region",
        fix="Take another name, or the region in which it is; the message names it.",
    ),
    Known(
        code="StorageAccountAlreadyTaken|StorageAccountAlreadyExists|VaultAlreadyExists|NameNotAvailable",
        kind=Rejected, source=_ARM,
        cause="The name is taken, by somebody's resource anywhere in Azure",
        fix="Take another name.",
    ),
    # -- limits and capacity ------------------------------------------------------------------------------------
    Known(
        code="SubscriptionRequestsThrottled|OperationNotAllowedThrottled|TooManyRequests|RequestThrottled",
        kind=RateLimited,
        source="https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling",
        cause="Too many requests in a short time",
        fix="It goes on by itself.",
    ),
    Known(
        code="AllocationFailed|ZonalAllocationFailed|OverconstrainedAllocationRequest|OutOfCapacity", kind=NoCapacity,
        source=_ARM,
        cause="The region has no such machines free",
        fix="It is tried again; another region or instance type may be free sooner.",
    ),
    Known(
        code="SkuNotAvailable|SKUNotAvailable", kind=QuotaExceeded,
        source="https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available",
        cause="This instance type is not offered to this subscription in this region",
        fix="Choose another instance type or region; az vm list-skus --location REGION shows what there is.",
    ),
    Known(
        words="(out of|no|insufficient|not enough|lack of) capacity|capacity is not available", kind=NoCapacity,
        source=_ONLINE,
        cause="Azure has no capacity for this at the moment",
        fix="It is tried again; another region or instance type may be free sooner.",
    ),
    Known(
        code="QuotaExceeded|OutOfQuota|InsufficientQuota|ResourceQuotaExceeded|ClusterCoreQuotaReached|"
        "ClusterMinNodesExceedCoreQuota",
        kind=QuotaExceeded, source=_QUOTA,
        cause="A quota is used up",
        fix="Ask for more in the portal (Quotas), free some, or choose a smaller instance type.",
    ),
    Known(
        words=r"exceed(s|ed|ing)? (the |your )?(approved |current |allowed |maximum )*(\w+ )*(quota|cores|limit)"
        r"|quota (is |was )?(exceeded|reached)|not enough quota|insufficient quota",
        kind=QuotaExceeded, source=_QUOTA,
        cause="A quota is used up",
        fix="Ask for more in the portal (Quotas), free some, or choose a smaller instance type.",
    ),
    # -- the model and the rows ---------------------------------------------------------------------------------
    Known(
        words="does not support fine.?tuning|not supported for fine.?tuning|fine.?tuning is not supported",
        kind=Rejected, source="https://github.com/MicrosoftDocs/azure-docs/issues/116776",
        cause="Azure says that this model cannot be fine-tuned here, which may also mean: not in this region",
        fix="Compare the project's region with the model's regions in the catalog.",
    ),
    Known(
        words="not (available|supported|offered) in (the )?(region|location)|region .{0,40}not (available|supported)",
        kind=Rejected, source=_FINE_TUNE,
        cause="The model is not offered in the project's region",
        fix="Use a project in one of the regions that the catalog names for this model.",
    ),
    Known(
        words=r"\b(retired|deprecated|no longer (available|supported))\b", kind=Rejected,
        source="https://learn.microsoft.com/azure/ai-foundry/concepts/model-lifecycle-retirement",
        cause="The model has been retired",
        fix="The catalog names its replacement.",
    ),
    Known(
        words="at least \\d+ (examples|rows|samples|records)|minimum (number )?of (\\w+ )?(examples|rows|samples)",
        kind=DataRejected, source=_FINE_TUNE,
        cause="There are too few rows",
        fix="Give at least ten training rows; fifty and more are advised.",
    ),
    Known(
        code=".*DataValidation.*|.*InvalidTrainingData.*|InvalidDataset.*|InvalidFileFormat",
        kind=DataRejected, source=_FINE_TUNE,
        cause="Azure does not accept the rows",
        fix="Look at the dataset's findings, fix the rows that the message names, and start again.",
    ),
    Known(
        words="(training|validation)[ _]?(data|file|dataset|rows).{0,80}(invalid|not valid|malformed|not well.?formed|"
        "could not be (read|parsed)|failed)|invalid (json|jsonl|utf)|not (a )?valid (json|jsonl|utf)",
        kind=DataRejected, source=_FINE_TUNE,
        cause="Azure does not accept the rows",
        fix="Look at the dataset's findings, fix the rows that the message names, and start again.",
    ),
    Known(
        words="content (safety|filter|policy)|responsible ai|harmful", kind=DataRejected,
        source="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/fine-tuning-safety-evaluation",
        cause="The safety check refuses the rows or the model trained on them",
        fix="Remove rows with harmful or personal content; the check may be wrong about lists of personal data.",
    ),
    Known(
        words="hyper.?parameter", kind=Rejected, source=_FINE_TUNE,
        cause="Azure does not accept a hyperparameter",
        fix="Clone the job, and set the value that the message names back to its default.",
    ),
    # -- serving ------------------------------------------------------------------------------------------------
    Known(
        code=".*Marketplace.*", kind=Rejected, source=_SERVERLESS,
        cause="The marketplace does not sell this model to the subscription",
        fix="The subscription needs a payment method in a supported country, and the right "
        "Microsoft.MarketplaceOrdering/agreements/offers/plans/sign/action.",
    ),
    Known(
        words="marketplace.{0,60}(not eligible|ineligible|not allowed|purchase|country)", kind=Rejected,
        source=_SERVERLESS,
        cause="The marketplace does not sell this model to the subscription",
        fix="The subscription needs a payment method in a supported country; some offers exclude trial subscriptions.",
    ),
    Known(
        words="715-123420", kind=Unavailable,
        source="https://github.com/microsoft/microsoft-foundry-for-vscode/issues/552",
        cause="The deployment was refused with the opaque code 715-123420",
        fix="Wait some minutes and try again; if it stays, try another region.",
    ),
    Known(
        words="failed to load lora", kind=Unavailable,
        source="https://github.com/microsoft/GitHub-Copilot-for-Azure",
        cause="The model's adapter could not be loaded yet",
        fix="It is tried again; this passes within minutes.",
    ),
    Known(
        words="managed identity|\\bmsi\\b", kind=NotAuthorised,
        source="https://github.com/MicrosoftLearning/mslearn-ai-studio/issues/37",
        cause="The project's own identity lacks a permission",
        fix="Give the project's managed identity access to its storage account and registry.",
    ),
    # -- passing things -----------------------------------------------------------------------------------------
    Known(
        code="AnotherOperationInProgress|OperationInProgress|ConflictingOperation|RequestConflict|"
        "ConflictError.*InProgress",
        kind=Unavailable, source=_ARM,
        cause="Another operation is under way there",
        fix="It is tried again by itself.",
    ),
    Known(
        code="ServerTimeout|ServiceUnavailable|GatewayTimeout|InternalServerError|ServerBusy|OperationTimedOut",
        kind=Unavailable, source=_ARM,
        cause="Azure has a problem of its own",
        fix="It is tried again by itself.",
    ),
)  # fmt: skip


def known(codes: Sequence[str], message: str) -> Known | None:
    """Return the known failure that fits an answer: the first, and where that goes by a code, the one whose code lies
    innermost. The outer codes say that something was refused, the inner ones what.
    """
    fitting = [each for each in KNOWN if each.fits(codes, message)]
    if not fitting or not fitting[0].code:
        return fitting[0] if fitting else None
    return max((each for each in fitting if each.code), key=lambda each: each.depth(codes))
