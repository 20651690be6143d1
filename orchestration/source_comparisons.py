"""What comparing sources with the lake found, and when: kept append only, the newest counts."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Engine, Row, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import source_comparisons

SHOWN_DAYS: Final = 31
# Of many numbers these are enough to begin with; the check itself tells all of them.
_KEPT_NUMBERS: Final = 100
# The ways in which records differ, as attributes of a comparison.
PARTS: Final = ("missing", "gone", "changed", "outdated")


@dataclass(frozen=True)
class Comparison:
    """One day of one entity of one account, or one file: what is there and what is here.

    Records that changed at the platform since the last reading are counted as `not_read` and are in
    no other figure.

    Attributes:
        source: its name in fourflow.yml.
        place: the account, or the name of the file.
        entity: what is counted, such as orders.
        day: business date of creation; None for a file.
        currency_code: of both amounts; a day has a row for each.
        there_count, here_count: records at the source and in the lake.
        there_amount, here_amount: of those records; None where the mapping names no amount.
        missing: numbers that only the source has.
        gone: numbers that only the lake has.
        changed: numbers whose amount differs.
        outdated: numbers of which the lake lacks a version that should have been read.
        not_read: records that the next reading brings.
        problem: why it could not be compared, in one sentence.
        difference_count: how many records differ, where not all of their numbers are kept.
        checked_at: when it was, UTC.
    """

    source: str
    place: str
    entity: str
    day: date | None
    checked_at: datetime
    currency_code: str = ""
    there_count: int = 0
    here_count: int = 0
    there_amount: Decimal | None = None
    here_amount: Decimal | None = None
    missing: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    not_read: int = 0
    problem: str = ""
    difference_count: int | None = None

    @property
    def differences(self) -> int:
        """How many records differ."""
        if self.difference_count is not None:
            return self.difference_count
        return sum(len(getattr(self, part)) for part in PARTS)

    @property
    def is_equal(self) -> bool:
        """Whether it was compared and nothing differs."""
        return not self.problem and not self.differences

    def as_row(self) -> dict[str, Any]:
        """Plain columns, lists as lists."""
        row = asdict(self) | {"differences": self.differences}
        del row["difference_count"]
        return row


def keep(engine: Engine, comparisons: Iterable[Comparison]) -> None:
    """Add what a check found; of each kind of difference the first hundred numbers."""
    rows = [
        {
            "source": one.source,
            "place": one.place,
            "entity": one.entity,
            "business_date": one.day,
            "currency_code": one.currency_code,
            "there_count": one.there_count,
            "here_count": one.here_count,
            "there_amount": one.there_amount,
            "here_amount": one.here_amount,
            "differences": one.differences,
            "not_read": one.not_read,
            "numbers": {part: list(getattr(one, part)[:_KEPT_NUMBERS]) for part in PARTS},
            "problem": one.problem or None,
            "checked_at": one.checked_at,
        }
        for one in comparisons
    ]
    if rows:
        with write_transaction(engine) as connection:
            connection.execute(insert(source_comparisons), rows)


def newest(engine: Engine, *, now: datetime, days: int = SHOWN_DAYS) -> list[Comparison]:
    """The last word on each day of each account and on each file, newest day first.

    A problem is over when the same place (or source, if it was of the whole) was asked after it.

    Args:
        engine: the operational database.
        now: the present.
        days: how long ago something may have been checked.
    """
    table = source_comparisons
    query = (
        select(table)
        .where(table.c.checked_at >= now - timedelta(days=days))
        .order_by(table.c.comparison_id)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    last_at = {key: row.checked_at for row in rows for key in (row.source, _place(row))}
    found: dict[tuple[object, ...], Comparison] = {}
    for row in rows:
        # What is wrong with a source as a whole has no place.
        if row.problem and row.checked_at < last_at[_place(row) if row.place else row.source]:
            continue
        found[(*_place(row), row.entity, row.business_date, row.currency_code)] = _comparison(row)
    # A day that had no currency has one now.
    named = {key[:4] for key in found if key[4]}
    kept = [one for key, one in found.items() if key[4] or key[:4] not in named or one.problem]
    return sorted(
        kept,
        key=lambda one: (
            -(one.day or date.min).toordinal(),
            one.source,
            one.place,
            one.entity,
            one.currency_code,
        ),
    )


def problems_of(comparisons: Sequence[Comparison]) -> list[str]:
    """One sentence a source that differs from the lake or could not be asked."""
    sentences = []
    for source in dict.fromkeys(one.source for one in comparisons):
        own = [one for one in comparisons if one.source == source]
        differing = [one for one in own if one.differences]
        if differing:
            count = sum(one.differences for one in differing)
            days = sorted({str(one.day or one.place) for one in differing})
            sentences.append(
                f"{count:,} records of {source} differ from the lake ({_listed(days)}); "
                f"`fourflow check sources {source}` names them, `fourflow connector backfill` "
                "reads a day anew."
            )
        sentences += [one.problem for one in own if one.problem]
    return sentences


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _place(row: Row[Any]) -> tuple[str, str]:
    return row.source, row.place


def _comparison(row: Row[Any]) -> Comparison:
    return Comparison(
        source=row.source,
        place=row.place,
        entity=row.entity,
        day=row.business_date,
        checked_at=row.checked_at,
        currency_code=row.currency_code,
        there_count=row.there_count,
        here_count=row.here_count,
        there_amount=row.there_amount,
        here_amount=row.here_amount,
        not_read=row.not_read,
        difference_count=row.differences,
        problem=row.problem or "",
        **{part: tuple(row.numbers.get(part, ())) for part in PARTS},
    )
