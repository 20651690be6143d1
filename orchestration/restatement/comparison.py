"""Compares the rows behind each measure in two publications and gives every difference a reason.

Both publications are snapshots of one lake, so a row is found again by its key. The reasons, in the
order in which they are tried:

- `definition_changed`: the dbt project differs between the two and the row's records do not.
- `new_source`: the earlier publication had nothing of the row's source.
- `new_record`: the row counts from a time after the newest event of its source then.
- `late_record`: it counted from an earlier time, and nobody had told.
- `deleted`: the row is gone.
- `refund`: the part of the difference that refunds explain.
- `edited`: the rest, including rows that count for another day, channel or currency now.

Every row of a measure gets its whole difference split over reasons, so reasons add up to the
difference of the totals; `compare` proves it against plain sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import duckdb

from connectors.database.publications import Publication
from connectors.errors import ContractError, InputError
from connectors.lake.reader import PublishedLake
from orchestration.restatement.measures import MEASURES, Measure

REASONS: Final = (
    "new_record",
    "late_record",
    "edited",
    "refund",
    "deleted",
    "new_source",
    "definition_changed",
)
GROUPS: Final = ("business", "channel", "business_date")

_ROWS = """
    select
        {key} as row_key, business, channel, {source} as source, {unit} as unit,
        {business_date} as business_date, {happened_at} as happened_at, known_at,
        cast({value} as decimal(18, 6)) as amount, cast({refund} as decimal(18, 6)) as refund,
        ({value}) <> 0 or ({refund}) <> 0 as counts
    from {table} at (version => {snapshot_id})
"""
_DIFFERENCES = """
with earlier as ({earlier}),
later as ({later}),
known as (
    select source, max(last_received_at) as received_at, max(last_event_at) as clock_at
    from rpt_source_freshness at (version => {since})
    group by source
),
received as (
    select source, max(last_received_at) as received_at
    from rpt_source_freshness at (version => {until})
    group by source
),
pairs as (
    select
        coalesce(later.row_key, earlier.row_key) as row_key,
        earlier.business as a_business, earlier.channel as a_channel, earlier.unit as a_unit,
        earlier.business_date as a_date,
        case when earlier.counts then earlier.amount else 0 end as a_amount,
        case when earlier.counts then earlier.refund else 0 end as a_refund,
        later.business as b_business, later.channel as b_channel, later.unit as b_unit,
        later.business_date as b_date,
        case when later.counts then later.amount else 0 end as b_amount,
        case when later.counts then later.refund else 0 end as b_refund,
        coalesce(earlier.counts, false) as a_counts, coalesce(later.counts, false) as b_counts,
        case
            when $redefined and later.row_key is not null and later.known_at <= known.received_at
                then 'definition_changed'
            when
                $redefined and later.row_key is null
                and received.received_at <= known.received_at then 'definition_changed'
            when later.row_key is null then 'deleted'
            when not coalesce(earlier.counts, false) and known.source is null then 'new_source'
            when not coalesce(earlier.counts, false) and later.happened_at > known.clock_at
                then 'new_record'
            when not coalesce(earlier.counts, false) then 'late_record'
            else 'edited'
        end as reason
    from earlier
    full outer join later on earlier.row_key = later.row_key
    left join known on coalesce(later.source, earlier.source) = known.source
    left join received on coalesce(later.source, earlier.source) = received.source
    where coalesce(earlier.counts, false) or coalesce(later.counts, false)
),
placed as (
    select
        *,
        a_counts and b_counts and a_business is not distinct from b_business
        and a_channel is not distinct from b_channel and a_unit is not distinct from b_unit
        and a_date is not distinct from b_date as is_in_place
    from pairs
),
differences as (
    select
        row_key, b_business as business, b_channel as channel, b_unit as unit,
        b_date as business_date, reason, b_amount - a_amount - (b_refund - a_refund) as difference
    from placed where is_in_place
    union all
    select
        row_key, b_business, b_channel, b_unit, b_date,
        case when reason = 'definition_changed' then reason else 'refund' end,
        b_refund - a_refund
    from placed where is_in_place
    union all
    select row_key, b_business, b_channel, b_unit, b_date, reason, b_amount
    from placed where b_counts and not is_in_place
    union all
    select row_key, a_business, a_channel, a_unit, a_date, reason, -a_amount
    from placed where a_counts and not is_in_place
)
"""
_TOTALS = """
select unit, sum(earlier_amount) as earlier, sum(later_amount) as later
from (
    select unit, amount as earlier_amount, 0 as later_amount from ({earlier}) where counts
    union all
    select unit, 0, amount from ({later}) where counts
)
group by unit
order by unit
"""


@dataclass(frozen=True)
class Restatement:
    """What two publications say differently.

    Attributes:
        since: the earlier publication.
        until: the later one.
        redefined: whether the dbt project differs between them, its seeds included.
        totals: one row a measure and unit: `earlier`, `later`, `difference`.
        changes: one row a measure, unit, asked groups and reason: `row_count`, `difference`.
        not_comparable: measures that one of the two has no table or column for, with the finding.
    """

    since: Publication
    until: Publication
    redefined: bool
    totals: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    not_comparable: list[dict[str, str]]


def compare(
    lake: PublishedLake,
    since: Publication,
    *,
    by: Sequence[str] = (),
    measures: Sequence[Measure] = MEASURES,
) -> Restatement:
    """What the opened publication says differently from an earlier one.

    Args:
        lake: the later publication.
        since: the earlier one.
        by: any of `GROUPS`; none gives one row a measure, unit and reason.
        measures: what to compare.

    Raises:
        InputError: `since` is not the earlier of the two, or a group is unknown.
        ContractError: the snapshot of `since` has expired, or reasons do not add up.
    """
    _check(lake, since, by)
    totals: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    for measure in measures:
        try:
            found, reasons = _totals(lake, since, measure), _changes(lake, since, measure, by)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            missing.append({"measure": measure.name, "finding": str(error).splitlines()[0]})
            continue
        _prove(measure, found, reasons)
        totals += found
        changes += reasons
    return Restatement(
        since=since,
        until=lake.publication,
        redefined=_redefined(lake, since),
        totals=totals,
        changes=changes,
        not_comparable=missing,
    )


def list_rows(lake: PublishedLake, since: Publication, measure: Measure) -> list[dict[str, Any]]:
    """The rows behind the differences of one measure, the largest first: key, reason, difference.

    Raises:
        InputError: `since` is not the earlier of the two.
        ContractError: one of the publications has no table or column for the measure.
    """
    _check(lake, since, ())
    try:
        return _run(
            lake,
            since,
            measure,
            "select row_key, business, channel, business_date, unit, reason, difference "
            "from differences where difference <> 0 "
            "order by abs(difference) desc, row_key, business_date, reason",
        )
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise ContractError(
            f"{measure.name} can't be compared: {str(error).splitlines()[0]}"
        ) from error


def _check(lake: PublishedLake, since: Publication, by: Sequence[str]) -> None:
    until = lake.publication
    if since.published_at >= until.published_at:
        raise InputError(
            f"{since.publication_id} is not earlier than {until.publication_id}; "
            "give an earlier publication that `fourflow status` lists."
        )
    unknown = [name for name in by if name not in GROUPS]
    if unknown:
        raise InputError(f"{unknown[0]} is no group; use any of {', '.join(GROUPS)}.")


def _redefined(lake: PublishedLake, since: Publication) -> bool:
    return since.manifest_hash != lake.publication.manifest_hash


def _rows_at(measure: Measure, snapshot_id: int) -> str:
    return _ROWS.format(
        key=measure.key,
        source=measure.source,
        unit=measure.unit,
        business_date=measure.business_date,
        happened_at=measure.happened_at,
        value=measure.value,
        refund=measure.refund,
        table=measure.table,
        snapshot_id=int(snapshot_id),
    )


def _sides(lake: PublishedLake, since: Publication, measure: Measure) -> dict[str, str]:
    return {
        "earlier": _rows_at(measure, since.snapshot_id),
        "later": _rows_at(measure, lake.publication.snapshot_id),
    }


def _run(
    lake: PublishedLake, since: Publication, measure: Measure, select: str
) -> list[dict[str, Any]]:
    with_differences = _DIFFERENCES.format(
        **_sides(lake, since, measure),
        since=int(since.snapshot_id),
        until=int(lake.publication.snapshot_id),
    )
    try:
        return lake.rows(with_differences + select, {"redefined": _redefined(lake, since)})
    except duckdb.InvalidInputException as error:
        raise ContractError(
            f"The snapshot of publication {since.publication_id} is gone; choose a later one that "
            "`fourflow status` lists."
        ) from error


def _totals(lake: PublishedLake, since: Publication, measure: Measure) -> list[dict[str, Any]]:
    rows = lake.rows(_TOTALS.format(**_sides(lake, since, measure)))
    return [
        {"measure": measure.name, **row, "difference": row["later"] - row["earlier"]}
        for row in rows
    ]


def _changes(
    lake: PublishedLake, since: Publication, measure: Measure, by: Sequence[str]
) -> list[dict[str, Any]]:
    groups = ", ".join(("unit", *by))
    rows = _run(
        lake,
        since,
        measure,
        f"select {groups}, reason, count(distinct row_key) as row_count, "  # noqa: S608 (checked)
        f"sum(difference) as difference from differences where difference <> 0 "
        f"group by {groups}, reason order by {groups}, reason",
    )
    return [{"measure": measure.name, **row} for row in rows]


def _prove(
    measure: Measure, totals: Sequence[dict[str, Any]], changes: Sequence[dict[str, Any]]
) -> None:
    for total in totals:
        of_unit = [row["difference"] for row in changes if row["unit"] == total["unit"]]
        explained = sum(of_unit, Decimal(0))
        if explained != total["difference"]:
            raise ContractError(
                f"The reasons for {measure.name} add up to {explained} {total['unit']}, but the "
                f"publications differ by {total['difference']}; rows of {measure.table} share a "
                f"{measure.key}."
            )
