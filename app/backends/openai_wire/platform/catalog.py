"""What can be tuned at OpenAI, by dated data and its list; at another server, what its list names."""

from collections.abc import Mapping, Sequence
from datetime import date

from app.backends.openai_wire.catalog.lookup import LooksUpList
from app.backends.openai_wire.catalog.models import as_of, listed_model, openai_models, openai_names
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.backends.openai_wire.training.jobs import Wire
from app.domain.backend import Backend, NotFound
from app.domain.backend_abilities import NamesBases
from app.domain.catalog import CatalogModel
from app.domain.hyperparameters import Hyperparameter
from app.domain.prices import Charge, Meter, Price, Prices, Unit

PRICING = "https://openai.com/api/pricing"


class PlatformCatalog(LooksUpList, NamesBases, Prices, Backend):
    """To list base models, and what is paid for them."""

    settings: PlatformSettings
    wire: Wire

    def base_models(self) -> Sequence[CatalogModel]:
        """Return what can be tuned; a server other than OpenAI is asked for its list the first time.

        Raises:
            BackendError: when that list cannot be had.
        """
        today = self.wire.clock.now().date()
        if self.settings.is_openai:
            return openai_models(today, self.lookup.shutdowns())
        listed = self.lookup.models() or self.lookup.look()
        where = self.settings.name
        return [listed_model(each.id, each.owner, each.shutdown, today, where=where) for each in listed]

    def base_model(self, identifier: str) -> CatalogModel:
        """Return one base model; one that no list shows is asked for by its name.

        Raises:
            NotFound: when the provider does not know it either.
        """
        known = next((each for each in self.base_models() if each.id == identifier), None)
        if known is not None:
            return known
        try:
            body = self.wire.plane.get(f"models/{identifier}")
        except NotFound as error:
            raise NotFound(error.detail, fix="Choose one from the catalog.") from error
        today = self.wire.clock.now().date()
        owner = str(body.get("owned_by") or "")
        return listed_model(identifier, owner, None, today, where=self.settings.name)

    def base_name(self, identifier: str) -> str:
        """Return the name, which is the id."""
        return identifier

    @property
    def data_as_of(self) -> date | None:
        """Return how old the data file is, which counts at OpenAI alone."""
        return as_of() if self.settings.is_openai else None

    def prices(self) -> Sequence[Price]:
        """Return what is paid by tokens; no amount has a source that can be named."""
        names = openai_names() if self.settings.is_openai else ()
        return [
            Price(
                id=price_of(self.settings, name),
                label=f"Training {name or 'any model'}",
                kind=Meter.TRAINING,
                unit=Unit.MILLION_TOKENS,
                model=name,
                note="No sourced price.",
                look_up=PRICING if self.settings.is_openai else None,
            )
            for name in (*names, "")
        ]

    def hosting_charges(
        self,
        base_model: str,  # noqa: ARG002 -- nothing is hosted, whatever it is
        *,
        tuned: bool,  # noqa: ARG002
        options: Mapping[str, Hyperparameter],  # noqa: ARG002
    ) -> Sequence[Charge]:
        """Return nothing: answers are paid by the token, and being there costs nothing."""
        return ()

    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge] | None:  # noqa: ARG002
        """Return None: what a tuned model's answers cost is not sourced."""
        return None


def price_of(settings: PlatformSettings, model: str) -> str:
    """Return the name of a model's training price; where no prices are listed, of that of any model."""
    known = settings.is_openai and model in openai_names()
    return f"training:{model if known else 'any'}"
