"""The doctor: the rights to train and to deploy apart, what the region trains, and how much quota there is."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.backends.openai_wire.azure.catalog import name_of, rows, training_types
from app.backends.openai_wire.azure.settings import AzureSettings, SignIn
from app.backends.openai_wire.platform.doctor import looked
from app.backends.openai_wire.training.files import PURPOSE
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import Checks
from app.domain.backend_abilities import ChecksFor
from app.domain.connections import Check, CheckStatus, Fix

_WRITE = "Microsoft.CognitiveServices/accounts/deployments/write"
_RIGHTS = "providers/Microsoft.Authorization/permissions"
_TUNED_QUOTA = "finetune"
_FIX_TRAIN = "Give who signs in the role Foundry User (or Cognitive Services OpenAI Contributor) on the resource."
_FIX_DEPLOY = "Give who signs in the role Foundry Owner (or Contributor) on the resource: deploying is an ARM write."


class AzureDoctor(ChecksFor, Checks):
    """To say what is missing before somebody starts."""

    settings: AzureSettings
    wire: Wire
    arm: Plane
    rights: Plane

    def check(self) -> None:
        """Return if the plane answers who signs in.

        Raises:
            BackendError: with why not.
        """
        self.wire.plane.get(JOBS, [("limit", "1")])

    def doctor(self) -> Sequence[Check]:
        """Look at rights, region and quota without changing anything."""
        return self.doctor_for(None)

    def doctor_for(self, base_model: str | None) -> Sequence[Check]:
        """Look with one model in mind, where one is named."""
        return [
            looked("files", "Training files can be listed", self._uploads, fix=_FIX_TRAIN),
            looked("jobs", "Fine-tuning jobs can be listed: the right to train", self._training, fix=_FIX_TRAIN),
            self._region(base_model),
            *self._deploying(base_model),
        ]

    def _uploads(self) -> str:
        found = self.wire.plane.get("files", [("purpose", PURPOSE)]).get("data") or ()
        return f"There are {len(found)} training files; a resource holds 100 at most."

    def _training(self) -> str:
        found = self.wire.plane.get(JOBS, [("limit", "100")]).get("data") or ()
        return f"{len(found)} jobs are listed; a resource holds 100 in all, and runs 3 at a time."

    def _region(self, base_model: str | None) -> Check:
        region = self.settings.region
        title = "The region trains"
        if not region:
            fix = Fix(text="Enter the resource's region in the connection's settings.")
            return Check(
                id="region", title=title, status=CheckStatus.UNKNOWN, detail="The region is not known.", fix=fix
            )
        wanted = [row for row in rows() if base_model in {None, name_of(row), row["model"]}]
        table = {name_of(row): training_types(row, region) for row in wanted}
        trained = [f"{name} as {', '.join(kinds)}" for name, kinds in table.items() if kinds]
        if trained:
            return Check(id="region", title=title, status=CheckStatus.PASS, detail=f"{region}: {'; '.join(trained)}.")
        fix = Fix(text="Use a resource in another region, for example swedencentral or northcentralus.")
        detail = f"As far as is known, {region} trains {'none of them' if base_model is None else 'not ' + base_model}."
        return Check(id="region", title=title, status=CheckStatus.WARN, detail=detail, fix=fix)

    def _deploying(self, base_model: str | None) -> Sequence[Check]:
        title = "Tuned models can be deployed: a right at Resource Manager"
        if not self.settings.account_path:
            fix = Fix(text="Enter subscription and resource group in the connection's settings.")
            return [Check(id="deploy", title=title, status=CheckStatus.WARN, detail="It is not known where.", fix=fix)]
        if self.settings.sign_in == SignIn.KEY:
            fix = Fix(text="Sign in by Entra (any way but the key) where deployments are to be made from here.")
            detail = "A key trains and answers, and is of no use at Resource Manager."
            return [Check(id="deploy", title=title, status=CheckStatus.WARN, detail=detail, fix=fix)]
        return [
            looked("account", "The resource is found at Resource Manager", self._account, fix=_FIX_DEPLOY),
            self._right(title),
            looked("quota", "Quota for tuned models", lambda: self._quota(base_model)),
        ]

    def _account(self) -> str:
        body = self.arm.get(self.settings.account_path.lstrip("/"))
        return f"{body.get('name')} in {body.get('location')}, kind {body.get('kind')}."

    def _right(self, title: str) -> Check:
        found: dict[str, bool] = {}

        def look() -> str:
            body = self.rights.get(f"{self.settings.account_path.lstrip('/')}/{_RIGHTS}")
            found["may"] = any(_allows(each) for each in body.get("value") or () if isinstance(each, dict))
            return "Deployments may be written."

        check = looked("deploy", title, look, fix=_FIX_DEPLOY)
        if check.status is not CheckStatus.PASS or found.get("may"):
            return check
        detail = f"Who signs in has no role with {_WRITE}; training may work all the same."
        return Check(id="deploy", title=title, status=CheckStatus.FAIL, detail=detail, fix=Fix(text=_FIX_DEPLOY))

    def _quota(self, base_model: str | None) -> str:
        region = self.settings.region
        path = f"subscriptions/{self.settings.subscription_id}/providers/Microsoft.CognitiveServices/locations/{region}"
        body = self.arm.get(f"{path}/usages")
        said = []
        for each in body.get("value") or ():
            name = str((each.get("name") or {}).get("value") or "")
            wanted = base_model is None or str(base_model).lower().startswith(name.lower().rpartition(".")[2][:7])
            if _TUNED_QUOTA in name.lower().replace("-", "") and wanted:
                said.append(
                    f"{name}: {each.get('currentValue'):g} of {each.get('limit'):g} thousand tokens a minute used"
                )
        return "; ".join(said) + "." if said else "Azure names no quota of its own for tuned models here."


def _allows(role: Mapping[str, Any]) -> bool:
    def has(patterns: object) -> bool:
        listed = [str(each) for each in patterns] if isinstance(patterns, list) else []
        return any(_matches(each, _WRITE) for each in listed)

    return has(role.get("actions")) and not has(role.get("notActions"))


def _matches(pattern: str, action: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(action.lower(), pattern.lower())
