"""Whether Azure is reached, what time it is there, and who signs in."""

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, az, failed, passed, undetermined, warned
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.transport.hosts import CLOUDS
from app.domain.backend import BackendError, Transient
from app.domain.connections import Fix

# Entra refuses assertions whose times are off by more than five minutes; tokens carry times as well.
# https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (nbf, exp)
FAR_OFF = timedelta(minutes=5)
NOTICEABLE = timedelta(minutes=1)
# Words of a refusal, and the command that helps; {client} and {tenant} are the connection's own, which are checked.
_RESET = "az ad app credential reset --id {client} --append"
_COMMANDS = (
    ("AADSTS7000215", _RESET),
    ("AADSTS7000222", _RESET),
    ("AADSTS700016", "az ad app show --id {client} --query appId"),
    ("AADSTS90002", "az account show --query tenantId"),
    ("double check your tenant name", "az account show --query tenantId"),
    ("AADSTS700027", "az ad app credential reset --id {client} --cert @certificate.pem --append"),
    ("AADSTS700024", "sudo timedatectl set-ntp true"),
    ("AADSTS70021", "az ad app federated-credential list --id {client}"),
    ("az login", "az login --tenant {tenant}"),
)
_SYNC = Fix(text="Let the machine's clock follow a time server.", command="sudo timedatectl set-ntp true")


def reach(facts: Facts) -> Finding:
    """Whether ARM answers at all."""
    host = facts.azure.cloud.arm
    try:
        facts.anonymous()
    except Transient as error:
        fix = Fix(
            text=f"Let this machine reach {host}, and the other hosts that docs/azure.md lists. Behind a proxy set "
            "HTTPS_PROXY, and REQUESTS_CA_BUNDLE where the proxy has a certificate of its own, before TuneDesk starts.",
            command=f"curl -sS -o /dev/null -w '%{{http_code}}\\n' https://{host}/metadata/endpoints?api-version=2019-05-01",
        )
        return failed(f"{host} does not answer. {error.detail}", fix)
    except BackendError as error:
        return warned(f"{host} answers, but not as expected: {error.detail}")
    return passed(f"{host} answers.")


def clock(facts: Facts) -> Finding:
    """How far this machine's clock is from Azure's."""
    try:
        stamp = facts.anonymous().headers.get("Date", "")
    except BackendError as error:
        return undetermined(f"Azure's time is not known. {error.detail}")
    try:
        theirs = parsedate_to_datetime(stamp)
    except ValueError:
        return undetermined("Azure's answer had no time in it.")
    off = facts.clock.now() - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    size = abs(off)
    words = f"{size.total_seconds():.0f} s {'ahead of' if off > timedelta(0) else 'behind'} Azure's"
    if size > FAR_OFF:
        return failed(f"This machine's clock is {words}: sign-ins and signed addresses are refused.", _SYNC)
    if size > NOTICEABLE:
        return warned(f"This machine's clock is {words}.", _SYNC)
    return passed("This machine's clock agrees with Azure's.")


def signed_in(facts: Facts) -> Finding:
    """Whether the credential gives a token, whose it is, and of which tenant."""
    settings = facts.settings
    try:
        claims = facts.claims()
    except BackendError as error:
        return _refused(settings, error)
    who = next((str(claims[name]) for name in ("upn", "unique_name", "appid", "oid") if claims.get(name)), "unknown")
    tenant = str(claims.get("tid") or "")
    wanted = (settings.tenant_id or "").lower()
    if tenant and wanted and "." not in wanted and wanted != tenant.lower():
        fix = Fix(
            text="Correct the tenant under “Edit”, or sign in with an account of it.",
            command=az("login", tenant=wanted),
        )
        return failed(f"Signed in as {who}, but of the tenant {tenant} instead of {wanted}.", fix)
    return passed(f"Signed in as {who}" + (f", tenant {tenant}." if tenant else "."))


def _refused(settings: AzureSettings, error: BackendError) -> Finding:
    """Return why signing in failed: the cause and the remedy are the error's, the command that helps is added."""
    names = {"client": settings.client_id or "CLIENT_ID", "tenant": settings.tenant_id or "TENANT_ID"}
    command = next((line.format(**names) for words, line in _COMMANDS if words in error.detail), None)
    fix = Fix(text=error.fix or "Look at the sign-in settings under “Edit”.", command=command)
    no_way = CLOUDS[settings.cloud].authority in error.detail
    return undetermined(error.detail, fix) if isinstance(error, Transient) and not no_way else failed(error.detail, fix)
