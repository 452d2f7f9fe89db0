"""The subscription, its resource providers, and the resource group."""

from app.backends.azure_foundry.account.workspaces import GROUPS
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import CHOOSE, Finding, az, failed, passed, portal, undetermined, warned
from app.backends.azure_foundry.transport.paging import text
from app.backends.azure_foundry.transport.words import meaning, unknown_word
from app.domain.backend import NotFound
from app.domain.connections import Fix

PROVIDERS = "2021-04-01"
# Offers without a payment method: "Free or trial Azure subscriptions won't work."
# https://learn.microsoft.com/azure/ai-foundry/how-to/fine-tune-serverless (prerequisites); the ids are those of
# https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data (supported offers)
_UNPAID = ("FreeTrial_", "AzureForStudents", "AzurePass_", "AzureInOpen_")
# https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
_SUBSCRIPTION = {
    "Enabled": "usable",
    "Warned": "due",
    "PastDue": "due",
    **dict.fromkeys(("Disabled", "Deleted", "Expired"), "off"),
}
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
_PROVIDER = {
    "Registered": "ready",
    "Registering": "soon",
    **dict.fromkeys(("NotRegistered", "Unregistering", "Unregistered"), "off"),
}


def subscription(facts: Facts) -> Finding:
    """Whether it is chosen, seen by the account, enabled, and paid for."""
    settings = facts.settings
    if not settings.subscription_id:
        return failed("No subscription is chosen yet.", CHOOSE)
    try:
        found = facts.subscription()
    except NotFound as error:
        fix = Fix(
            text="Choose one that the list shows, or let an administrator give the account a role in it.",
            command="az account list --all --output table",
            url=portal(settings, f"/subscriptions/{settings.subscription_id}", "users"),
        )
        return failed(error.detail, fix)
    page = portal(settings, f"/subscriptions/{settings.subscription_id}")
    name, state = text(found, "displayName"), text(found, "state")
    command = az("account show", subscription=settings.subscription_id)
    means = meaning(_SUBSCRIPTION, state)
    if means is None:
        return undetermined(unknown_word(f"the subscription {name}", state))
    if means == "due":
        return warned(
            f"{name} is in the state {state}: a payment is due.", Fix(text="Settle it.", command=command, url=page)
        )
    if means == "off":
        fix = Fix(text="Let its owner enable it again, or choose another one.", command=command, url=page)
        return failed(f"{name} is in the state {state}: nothing can be created in it.", fix)
    return _paid(
        facts,
        name,
        text(found, "subscriptionPolicies", "quotaId"),
        text(found, "subscriptionPolicies", "spendingLimit"),
    )


def _paid(facts: Facts, name: str, offer: str, limit: str) -> Finding:
    page = portal(facts.settings, f"/subscriptions/{facts.settings.subscription_id}")
    if offer.startswith(_UNPAID):
        fix = Fix(text="Upgrade it to pay-as-you-go, or choose another subscription.", url=page)
        return failed(f"{name} is a free or trial offer ({offer}), which serverless fine-tuning does not take.", fix)
    if limit.lower() == "on":
        fix = Fix(text="Take the spending limit off, or expect it to be switched off in mid-job.", url=page)
        return warned(f"{name} is enabled, with a spending limit ({offer}).", fix)
    return passed(f"{name} is enabled" + (f", offer {offer}." if offer else "."))


def resource_group(facts: Facts) -> Finding:
    """Whether the account sees the resource group: reading one that is not there is refused, so the list is read."""
    settings = facts.settings
    if not settings.subscription_id or not settings.resource_group:
        return failed("No resource group is chosen yet.", CHOOSE)
    wanted = settings.resource_group.lower()
    groups = facts.all(f"/subscriptions/{settings.subscription_id}/resourcegroups", GROUPS)
    found = next((each for each in groups if text(each, "name").lower() == wanted), None)
    if found is None:
        fix = Fix(
            text="Create it, choose another one, or let an owner give the account a role in it.",
            command=az(
                "group create",
                subscription=settings.subscription_id,
                name=settings.resource_group,
                location=settings.region or "eastus2",
            ),
            url=portal(settings, f"/subscriptions/{settings.subscription_id}", "resourceGroups"),
        )
        return failed(f"The account sees no resource group {settings.resource_group!r} in the subscription.", fix)
    return passed(f"{text(found, 'name')} in {text(found, 'location')}.")


def provider(facts: Facts, namespace: str, why: str) -> Finding:
    """Whether a resource provider is registered; it is never registered from here."""
    identifier = facts.settings.subscription_id
    if not identifier:
        return undetermined("no subscription is chosen.")
    state = text(facts.get(f"/subscriptions/{identifier}/providers/{namespace}", PROVIDERS), "registrationState")
    means = meaning(_PROVIDER, state)
    if means is None:
        return undetermined(unknown_word(namespace, state))
    if means == "ready":
        return passed(f"{namespace} is registered.")
    if means == "soon":
        return warned(f"{namespace} is being registered; it takes minutes.", Fix(text="Check again in a few minutes."))
    fix = Fix(
        text="Register it once per subscription; that takes a few minutes and costs nothing.",
        command=az("provider register", namespace=namespace, subscription=identifier),
        url=portal(facts.settings, f"/subscriptions/{identifier}", "resourceproviders"),
    )
    return failed(f"{namespace} is not registered: {why}", fix)
