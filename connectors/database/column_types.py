"""What all tables share: how keys are named, and column types that are alike on both databases.

SQLite and PostgreSQL both give UTC times, exact money and JSON.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
_CENT = Decimal("0.01")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored and returned in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC before it is stored."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value} has no time zone; give an aware datetime.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what is stored as an aware UTC time (SQLite forgets the zone)."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An exact amount with two decimals: numeric(18,2), on SQLite an integer of hundredths.

    SQLite has no decimal type; as a real number 9007199254740.99 would already change.
    """

    impl = Numeric(18, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Integer hundredths where the engine knows no decimals."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(18, 2))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuse floats and fractions of a hundredth instead of rounding silently."""
        if value is None:
            return None
        if not isinstance(value, Decimal | int):
            raise TypeError(f"An amount must be a Decimal, not {type(value).__name__}.")
        amount = Decimal(value)
        if not amount.is_finite() or amount != amount.quantize(_CENT):
            raise ValueError(f"The amount {amount} is not exact in hundredths.")
        return int(amount.scaleb(2)) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return a Decimal with two places."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return Decimal(int(value)).scaleb(-2)
        return Decimal(value).quantize(_CENT)


def json_type(*, none_as_null: bool = False) -> TypeEngine[Any]:
    """JSON; binary JSON on PostgreSQL. None is JSON's null, or SQL's where that is wanted."""
    return JSON(none_as_null).with_variant(JSONB(none_as_null), "postgresql")


def identity_type() -> TypeEngine[int]:
    """A growing row number; SQLite only counts a plain integer by itself."""
    return BigInteger().with_variant(Integer(), "sqlite")
