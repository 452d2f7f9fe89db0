"""Verbs on prices: what is billed where and for how much, one's own prices over the sourced ones, and bills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.domain.connections import Connection
from app.domain.deployments import Target
from app.domain.errors import Invalid, Problem
from app.domain.hyperparameters import Hyperparameter
from app.domain.money import Money, read_amount, total
from app.domain.prices import FREE, UNKNOWN, Bill, Charge, Price, Prices, QuotaReport, Quotas, is_stale, make_bill
from app.services import connections, verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import prices as store

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "BRL", "AUD", "CAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """What one connection is billed for. `stale` are the ids of prices that should be looked up again."""

    connection: Connection
    prices: Sequence[Price]
    stale: frozenset[str]
    oldest: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What everything that is served costs an hour, of what has a price.

    Of the `billed` deployments (all that are not free) those that are `unpriced` have no price, or no known bill.
    """

    per_hour: Money | None
    unpriced: int
    billed: int
    deployments: int


@verbs.reads("prices")
def lists(scope: Scope) -> Sequence[PriceList]:
    """Return the price lists of all connections that are billed; one whose backend cannot be had has no prices."""
    today = scope.now().date()
    found = []
    for connection in connections.list_connections(scope):
        if not is_free(scope, connection):
            prices = tuple(known(scope, connection).values())
            days = [price.as_of for price in prices if price.as_of is not None and not price.own]
            stale = frozenset(price.id for price in prices if not price.own and is_stale(price.as_of, today))
            found.append(
                PriceList(connection=connection, prices=prices, stale=stale, oldest=min(days) if days else None)
            )
    return found


@verbs.reads("prices")
def known(scope: Scope, connection: Connection) -> Mapping[str, Price]:
    """Return a connection's prices by id, what was set here over what was sourced; empty where it tells none.

    Raises:
        ProviderFailed: when the backend fails to tell them.
    """
    backend = scope.backends.opened(connection, Prices)
    if backend is None:
        return {}
    with provider_errors():
        sourced = list(backend.prices())
    own = scope.read_once(("own prices", connection.id), lambda tx: store.of_connection(tx, connection.id))
    return {
        price.id: price
        if price.id not in own
        else replace(
            price,
            amount=own[price.id][0],
            currency=own[price.id][1],
            own=True,
            source=None,
            note="",
            region="",
            as_of=own[price.id][2].date(),
        )
        for price in sourced
    }


@verbs.administers("prices")
def set_own(scope: Scope, connection_id: str, price_id: str, amount: str, currency: str = "USD") -> None:
    """Set a price for a connection; an empty amount takes it back. What is hosted is billed by it from now on.

    Raises:
        Invalid: when the amount is none, or there is no such price.
    """
    tx = scope.write
    connection = connections.get(scope, connection_id)
    if price_id not in known(scope, connection):
        raise Invalid([Problem("/price", "unknown", "There is no such price here.", "Choose one from the list.")])
    if currency not in CURRENCIES:
        listed = ", ".join(CURRENCIES)
        raise Invalid([Problem("/currency", "invalid", "The currency is not known.", f"Use one of {listed}.")])
    if not amount.strip():
        store.remove(tx, connection.id, price_id)
    else:
        plain = read_amount(amount)
        if plain is None:
            fix = "Enter a number such as 1.70, or leave the field empty to take your price back."
            raise Invalid([Problem("/amount", "invalid", "The price is not an amount of 0 or more.", fix)])
        store.put(tx, connection.id, price_id, amount=plain, currency=currency, at=scope.now(), by=str(scope.actor))
    for deployment in deployment_store.of_connection(tx, connection.id):
        bill = hosting_bill(scope, deployment.target, deployment.options)
        deployment_store.set_bill(tx, deployment.id, bill)


@verbs.reads("prices")
def is_free(scope: Scope, connection: Connection) -> bool:
    """Tell whether a connection's backend says that nothing is billed; one that is not here (any more) says nothing."""
    profile = scope.backends.profiles.get(connection.backend)
    return profile is not None and not profile.bills


@verbs.reads("prices")
def training_bill(scope: Scope, connection: Connection, charges: Sequence[Charge]) -> Bill:
    """Return charges with their prices; no charges on a connection that bills are not free, but unknown."""
    if is_free(scope, connection):
        return FREE
    return make_bill(charges, known(scope, connection)) if charges else UNKNOWN


@verbs.reads("prices")
def hosting_bill(scope: Scope, target: Target, options: Mapping[str, Hyperparameter]) -> Bill:
    """Return what an hour of serving a target is billed for."""
    connection = connections.get(scope, target.connection)
    if is_free(scope, connection):
        return FREE
    backend = scope.backends.opened(connection, Prices)
    if backend is None:
        return UNKNOWN
    with provider_errors():
        charges = backend.hosting_charges(target.base_model, tuned=target.is_tuned, options=options)
    return make_bill(charges, known(scope, connection))


@verbs.reads("prices")
def asking_bill(scope: Scope, connection: Connection, base_model: str, *, rows: int, tokens: int) -> Bill:
    """Return what a model's answers to so many rows are billed for; unknown where its backend does not tell.

    `tokens` are those of all questions, estimated.
    """
    if is_free(scope, connection):
        return FREE
    backend = scope.backends.opened(connection, Prices)
    if backend is None:
        return UNKNOWN
    with provider_errors():
        charges = backend.asking_charges(base_model, rows=rows, tokens=tokens)
    return UNKNOWN if charges is None else make_bill(charges, known(scope, connection))


def hosting(bills: Sequence[Bill]) -> Hosting:
    """Return what is spent on hosting now, by the bills of what is hosted."""
    billed = [bill for bill in bills if not bill.is_free]
    rates = [rate for bill in billed if (rate := bill.per_hour) is not None]
    unpriced = sum(bill == UNKNOWN or bool(bill.unpriced) for bill in billed)
    return Hosting(per_hour=total(rates), unpriced=unpriced, billed=len(billed), deployments=len(bills))


@verbs.reads("connections")
def can_tell_quotas(scope: Scope, connection: Connection) -> bool:
    """Tell whether a connection's provider can be asked for its limits."""
    return scope.backends.opened(connection, Quotas) is not None


@verbs.reads("prices")
def quotas(scope: Scope, connection_id: str) -> QuotaReport:
    """Ask a connection's provider for its limits.

    Raises:
        Conflict: where it has none to tell.
    """
    with scope.ask(connection_id, Quotas) as backend:
        return backend.quotas()
