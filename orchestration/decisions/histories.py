"""What a published table said at an earlier time: the history that rules are back-tested on.

Each history gives a row as it was known over a span of time. A column whose earlier values are not
kept is not part of it, so that a back-test which would need it is refused instead of peeking.

Two clocks: a row counts from the time at which the lake learnt it (`known_at`), except that the
first load of a source brings a past that nobody watched; its rows count from when they happened.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.errors import InputError

Clock = Literal["known", "event"]
FROM, UNTIL, IS_WATCHED = "fourflow_from", "fourflow_until", "fourflow_is_watched"


@dataclass(frozen=True)
class RowState:
    """A row over the span in which it was in one state.

    Attributes:
        starts: when the state began, as SQL over the table's columns, with {zone} for the
            business zone; rows without it have none.
        ends: when it ended; None for never.
        values: columns that had another value then than now, as SQL.
    """

    starts: str
    ends: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """How to tell what a table said at an earlier time.

    Attributes:
        table: the published table that rules read.
        columns: columns whose values at the time are known.
        states: the states a row went through, oldest first.
        relation: what is read for it, as SQL; the table itself unless given.
        is_versioned: whether the relation has a row a version (`order_key`, `version_number`,
            `was_never_current`), of which each ends when the next begins.
        narrow: a cheaper relation, and the columns that it has.
        learnt: column that tells when the lake learnt the row; None where only the newest state
            has one, so that only the time at which things happened is known.
        by: column that tells apart what was first loaded at different times.
    """

    table: str
    columns: frozenset[str]
    states: tuple[RowState, ...]
    relation: str | None = None
    is_versioned: bool = False
    narrow: tuple[str, frozenset[str]] | None = None
    learnt: str | None = None
    by: str = "source"

    def source(self, columns: Collection[str]) -> str:
        """The relation to read for these columns."""
        if self.narrow and self.narrow[1].issuperset(columns):
            return self.narrow[0]
        return self.relation or f'"{self.table}"'


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERSION_COLUMNS = _words(
    "order_key business source channel order_no order_type source_status order_status "
    "gross_amount currency_code created_at"
)
_ORDER_COLUMNS = _words("customer_key created_on province country")
_VERSIONS = "fct_order_versions"
# A source without history tells an order's last state only, as if it had been so from the first
# moment; but nothing is cancelled in the moment in which it is placed.
_STATUS_THEN = (
    "case when told.order_status = 'cancelled' and told.version_number = 1 "
    "and told.event_at = told.created_at then 'awaiting_payment' else told.order_status end"
)
# What an order's audit knows of the person's purchases and segment is from before the order.
_AUDIT_COLUMNS = _words(
    "customer_key person_key created_on previous_purchase_count previous_rfm_segment"
)


def _versions_with(table: str, columns: frozenset[str]) -> str:
    """Every version of every order, with what never changes about the order."""
    fixed = ", ".join(f"orders.{column}" for column in sorted(columns))
    return (
        f"(select versions.*, {fixed} from {_VERSIONS} as versions "  # noqa: S608 - own names
        f"join {table} as orders on versions.order_key = orders.order_key)"
    )


_END_OF_DAY = "timezone('{zone}', cast(business_date + 1 as timestamp)) - interval 1 microsecond"

# A parcel that came back without a scan is left out: nobody knows until when it was on its way.
_PARCEL_ENDS = (
    "coalesce(delivered_at, case when shipment_status = 'returned' "
    "then coalesce(last_scanned_at, shipped_at) end)"
)

_HISTORIES = (
    History(
        "fct_orders",
        _VERSION_COLUMNS | _ORDER_COLUMNS,
        (RowState("event_at", values={"order_status": _STATUS_THEN}),),
        relation=_versions_with("fct_orders", _ORDER_COLUMNS),
        is_versioned=True,
        narrow=(_VERSIONS, _VERSION_COLUMNS),
        learnt="known_at",
    ),
    History(
        "fct_order_audits",
        _VERSION_COLUMNS | _AUDIT_COLUMNS,
        (RowState("event_at", values={"order_status": _STATUS_THEN}),),
        relation=_versions_with("fct_order_audits", _AUDIT_COLUMNS),
        is_versioned=True,
        narrow=(_VERSIONS, _VERSION_COLUMNS),
        learnt="known_at",
    ),
    History(
        "fct_parcels",
        _words(
            "parcel_key order_key tracking_no order_no business source channel carrier "
            "shipment_status shipped_at shipped_on promised_at delivered_at"
        ),
        (
            RowState(
                "shipped_at",
                _PARCEL_ENDS,
                {"delivered_at": "cast(null as timestamptz)", "shipment_status": "'in_transit'"},
            ),
            RowState(_PARCEL_ENDS),
        ),
    ),
    History(
        "fct_order_stages",
        _words(
            "order_stage_key order_key business channel stage department stage_status entered_at "
            "left_at due_at"
        ),
        (
            RowState(
                "entered_at",
                "left_at",
                {"left_at": "cast(null as timestamptz)", "stage_status": "'running'"},
            ),
            RowState("left_at"),
        ),
        by="business",
    ),
    History(
        "fct_stock_positions",
        _words(
            "business source business_date site sku on_hand reserved outbound inbound "
            "available_to_sell"
        ),
        (RowState(_END_OF_DAY),),
        learnt="known_at",
    ),
    History(
        "fct_price_violations",
        _words(
            "price_violation_key business source channel order_key line_no sku created_on "
            "violation_type quantity unit_price list_price lowest_price highest_price "
            "unit_difference price_key policy_version currency_code"
        ),
        (RowState("timezone('{zone}', cast(created_on as timestamp))"),),
        learnt="known_at",
    ),
    History(
        "fct_invoiced_twice",
        _words(
            "invoice_key business source channel invoice_no first_invoice_key order_no order_key "
            "customer_key issued_on amount order_amount invoiced_so_far_amount currency_code"
        ),
        (RowState("timezone('{zone}', cast(issued_on as timestamp))"),),
        learnt="known_at",
    ),
    History(
        "fct_refunds",
        _words(
            "refund_key order_key order_no line_no business source channel quantity amount "
            "currency_code reason requested_at requested_on"
        ),
        (RowState("requested_at"),),
    ),
    # Measured once, when the order was paid; who publishes it changes no row afterwards.
    History(
        "order_store_distances",
        _words(
            "business channel order_key order_no order_status paid_at store_site distance_km "
            "has_stock is_address_known"
        ),
        (RowState("paid_at", values={"order_status": "'paid'"}),),
        by="business",
    ),
    History(
        "rpt_channel_daily",
        _words("business channel business_date order_count expected_order_count is_complete_day"),
        (RowState(_END_OF_DAY),),
        by="business",
    ),
)
HISTORIES: Mapping[str, History] = {history.table: history for history in _HISTORIES}


def find_history(table: str, tables: Collection[str]) -> History:
    """The history of a published table.

    Raises:
        InputError: none is kept, or what it is made of is not published.
    """
    history = HISTORIES.get(table)
    if history is None:
        raise InputError(
            f"No history is kept of {table}, so a back-test would have to use what became known "
            f"later; there is one of {', '.join(sorted(HISTORIES))}. Run the rule in shadow "
            "instead (fourflow rules shadow)."
        )
    for needed in (_VERSIONS, table) if history.is_versioned else (table,):
        if needed not in tables:
            raise InputError(
                f"The table {needed} is not published, so there is no history of {table}; "
                "run `fourflow run`."
            )
    return history


def check_columns(history: History, columns: Collection[str], *, rule_id: str) -> None:
    """Refuse a rule that reads what was not known at the time.

    Raises:
        InputError: names the columns.
    """
    unknown = sorted(set(columns) - history.columns)
    if unknown:
        raise InputError(
            f"The rule {rule_id} reads {', '.join(unknown)} of {history.table}, of which no "
            "earlier values are kept, so a back-test would peek; leave such columns out, or run "
            "the rule in shadow (fourflow rules shadow)."
        )


@dataclass(frozen=True)
class HistoryView:
    """How to look at a history.

    Attributes:
        clock: `known` counts a row from when the lake learnt it (the first load of a source from
            when it happened), `event` always from when it happened.
        with_ends: whether the ends of versions are needed, which costs a sort of all versions.
        zone: the business zone's name.
        loads: a table with the first load of each source (`first_loads_sql`); None if not needed.
    """

    clock: Clock
    with_ends: bool
    zone: str
    loads: str | None = None


def history_sql(history: History, columns: Sequence[str], view: HistoryView) -> str:
    """Rows of a table as they were known, each with the span in which it was so.

    Returns:
        SQL with the columns and `fourflow_from`, `fourflow_until` (null for still, or not asked
        for) and `fourflow_is_watched` (whether the lake watched it happen, null if nobody knows).
    """
    return " union all ".join(_state_sql(history, state, columns, view) for state in history.states)


def _state_sql(history: History, state: RowState, columns: Sequence[str], view: HistoryView) -> str:
    starts = state.starts.replace("{zone}", view.zone)
    began, watched = starts, "cast(null as boolean)"
    joined, wanted = "", f"{starts} is not null"
    if view.loads:
        watched = f"told.{history.learnt} > first_load.loaded_at"
        began = f"case when {watched} then told.{history.learnt} else {starts} end"
        joined = f" join {view.loads} as first_load on told.{history.by} = first_load.{history.by}"
        if history.is_versioned:
            wanted += f" and not ({watched} and told.was_never_current)"
    ended = state.ends or "cast(null as timestamptz)"
    if history.is_versioned and view.with_ends:
        ended = (
            f"min({began}) over (partition by told.order_key order by told.version_number "
            "rows between 1 following and unbounded following)"
        )
    chosen = [f'{state.values.get(name, _column(name))} as "{name}"' for name in columns]
    return (
        f"select {', '.join(chosen)}, {began} as {FROM}, {ended} as {UNTIL}, "  # noqa: S608
        f"{watched} as {IS_WATCHED} from {history.source(columns)} as told{joined} where {wanted}"
    )


def first_loads_sql(history: History, clock: Clock) -> str | None:
    """When the first load of each source was; None where clock or history have no use for it.

    It belongs into a table of its own: as part of a larger query DuckDB takes it for large, and
    builds the hash table of the join from all versions instead.
    """
    if not history.learnt or clock != "known":
        return None
    table = _VERSIONS if history.is_versioned else history.table
    return (
        f"select {history.by}, min({history.learnt}) as loaded_at "  # noqa: S608 - own text
        f"from {table} group by {history.by}"
    )


def _column(name: str) -> str:
    return f'told."{name}"'
