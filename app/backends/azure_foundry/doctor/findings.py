"""Findings in short: a verdict with its cause, and how to fix it in words, as an `az` command and by the portal."""

import shlex
from dataclasses import dataclass

from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.transport.hosts import CLOUDS
from app.domain.connections import Check, CheckStatus, Fix

UNDETERMINED = "Could not tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to, before it is given its id and title."""

    status: CheckStatus
    detail: str
    fix: Fix | None = None

    def named(self, identifier: str, title: str) -> Check:
        """Return the finding as a check."""
        return Check(id=identifier, title=title, status=self.status, detail=self.detail, fix=self.fix)


def passed(detail: str) -> Finding:
    """Return that all is well."""
    return Finding(CheckStatus.PASS, detail)


def warned(detail: str, fix: Fix | None = None) -> Finding:
    """Return that it works, with something to know."""
    return Finding(CheckStatus.WARN, detail, fix)


def failed(detail: str, fix: Fix) -> Finding:
    """Return that a job cannot work like this."""
    return Finding(CheckStatus.FAIL, detail, fix)


def undetermined(why: str, fix: Fix | None = None) -> Finding:
    """Return that it could not be found out, and why."""
    return Finding(CheckStatus.UNKNOWN, f"{UNDETERMINED}: {why}", fix)


def portal(settings: AzureSettings, resource: str, blade: str = "overview") -> str:
    """Return the portal's address of a page of a resource, in the connection's tenant where it is known."""
    tenant = f"@{settings.tenant_id}/" if settings.tenant_id else "@/"
    return f"https://{CLOUDS[settings.cloud].portal}/#{tenant}resource{resource}/{blade}"


def quotas_page(settings: AzureSettings) -> str:
    """Return the portal's address of the page on which more quota is asked for."""
    return f"https://{CLOUDS[settings.cloud].portal}/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"


def az(verb: str, **options: str | None) -> str:
    """Return an Azure CLI command as it runs when pasted: values that came from elsewhere are quoted."""
    given = [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items() if value]
    return " ".join(["az", verb, *given])


CHOOSE = Fix(text="Press “Choose a project” on the connection's page: it lists what the account sees.")
