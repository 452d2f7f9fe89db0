"""What all tables are made of: the metadata with its naming, times as whole microseconds, and the engine's columns."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Dialect, Float, Integer, MetaData, String, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def to_microseconds(moment: datetime) -> int:
    """Return a moment as the whole microseconds that the tables hold."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the moment behind whole microseconds; those beyond the calendar become its end."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if microseconds > 0 else datetime.min.replace(tzinfo=UTC)


def from_seconds(seconds: float | None) -> datetime | None:
    """Return the moment that a `due_at` column names, if it names one."""
    return None if seconds is None else from_microseconds(round(seconds * 1e6))


class UtcTime(TypeDecorator[datetime]):
    """An aware moment, kept as microseconds: sorts as a number, loses nothing, is the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Turn a moment into microseconds."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn microseconds into a moment."""
        return None if value is None else from_microseconds(value)


def identifier() -> Column[str]:
    """Return the primary key that every noun has."""
    return Column("id", String, primary_key=True)


def maker() -> Column[str]:
    """Return the column that says who made a row; written by `rows.add` from the transaction's own actor."""
    return Column("created_by", String, nullable=False, server_default="")


def leases() -> list[Column[object]]:
    """What the engine needs of a row: when it is due, who has it, and the fencing number."""
    return [
        Column("due_at", Float),  # seconds since 1970; NULL: never
        Column("lease_token", String),
        Column("lease_until", Float),
        Column("gen", Integer, nullable=False, server_default="0"),
    ]
