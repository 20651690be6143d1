"""The shapes of all answers, as the interface describes them.

Amounts are decimals as text, beside their currency; times are UTC. A column that is hidden from a
key, or that an older publication does not have, is absent.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_PLAIN = r"^[^\x00]*$"


class Cited(BaseModel):
    """From which publication an answer comes."""

    publication_id: str
    published_at: datetime


class MetricEntry(BaseModel):
    """One metric as its owner defined it."""

    name: str
    label_en: str
    label_zh: str
    definition_en: str
    definition_zh: str
    kind: str
    unit: str = Field(
        description="`currency` (beside its currency_code), `share`, or what is counted."
    )
    owner: str
    inputs: list[str] = Field(description="Metrics it is computed from.")


class MetricList(BaseModel):
    """All metrics that the key may ask for."""

    metrics: list[MetricEntry]


class MetricDescription(MetricEntry):
    """One metric and what it can be grouped and filtered by."""

    dimensions: list[str]


class MetricAnswer(Cited):
    """A metric by groups."""

    metric: str
    unit: str
    groups: list[str] = Field(description="Columns of the groups, in order.")
    rows: list[dict[str, Any]]
    has_more: bool = Field(description="Whether there are more groups than were asked for.")


class Order(BaseModel):
    """One order: a row of `fct_orders`."""

    order_key: str | None = None
    business: str | None = None
    source: str | None = None
    channel: str | None = None
    order_no: str | None = None
    order_type: str | None = None
    customer_key: str | None = None
    order_status: str | None = None
    refund_status: str | None = None
    created_at: datetime | None = None
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    created_on: date | None = Field(default=None, description="Business date of created_at.")
    gross_amount: Decimal | None = None
    paid_amount: Decimal | None = None
    refunded_amount: Decimal | None = None
    net_paid_amount: Decimal | None = None
    currency_code: str | None = None
    line_count: int | None = None
    unit_count: int | None = None
    known_at: datetime | None = Field(default=None, description="When we were told.")


class OrderEvent(BaseModel):
    """Something that happened to an order: a row of `fct_order_events`."""

    event: str | None = None
    actor: str | None = None
    source: str | None = None
    reference: str | None = None
    order_status: str | None = Field(default=None, description="Status that the order reached.")
    event_at: datetime | None = None
    known_at: datetime | None = None
    seconds_since_previous: int | None = None
    seconds_to_known: int | None = Field(default=None, description="How late we were told.")


class OrderPage(Cited):
    """Orders, the newest first."""

    rows: list[Order]
    next_cursor: str | None


class OrderLife(Cited):
    """One order with its timeline, the earliest first."""

    order: Order
    timeline: list[OrderEvent]


class OrderLineRequest(BaseModel):
    """So many of an article."""

    model_config = ConfigDict(extra="forbid")

    sku: str = Field(min_length=1, max_length=100, pattern=_PLAIN)
    quantity: int = Field(ge=1, le=1_000_000)
    unit_price: Decimal | None = Field(
        default=None,
        ge=0,
        le=10_000_000,
        decimal_places=6,
        description="Default: of the price list, else the article's list price. A key of one "
        "customer can't go below it.",
    )
    site: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=_PLAIN,
        description="From where; default: the site that can promise the line first.",
    )


class OrderRequest(BaseModel):
    """What a customer wants."""

    model_config = ConfigDict(extra="forbid")

    customer_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        pattern=_PLAIN,
        description="Who orders; needed unless the key is of one customer.",
    )
    currency_code: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Default: the customer's."
    )
    lines: list[OrderLineRequest] = Field(min_length=1, max_length=200)


class OrderCredit(BaseModel):
    """What the customer may still owe, in the order's currency."""

    credit_limit: Decimal | None
    exposure_amount: Decimal = Field(
        description="Open invoices and orders less unapplied money, of the publication."
    )
    pending_amount: Decimal = Field(
        description="Of orders entered here that the publication does not know yet."
    )
    headroom_amount: Decimal | None = Field(description="The limit less both.")
    left_amount: Decimal | None = Field(description="The headroom less this order.")
    payment_terms_days: int | None


class OrderLineCheck(BaseModel):
    """What would become of one line."""

    line_no: int
    sku: str
    name: str | None
    quantity: int
    list_price: Decimal | None
    unit_price: Decimal | None
    line_amount: Decimal | None
    site: str | None = Field(description="From where; null: no site keeps it.")
    free_quantity: int = Field(description="Free to promise there now, after the lines above.")
    available_on: date | None = Field(
        description="First day on which the whole line can be promised; null: never."
    )
    is_available: bool


class OrderCheck(Cited):
    """The answer at entry: credit and stock, and what stands in the way."""

    customer_key: str
    business: str
    channel: str
    currency_code: str
    order_amount: Decimal
    can_be_placed: bool
    lacks: list[str] = Field(description="One sentence for everything that stands in the way.")
    credit: OrderCredit
    lines: list[OrderLineCheck]


class PlacingRequest(OrderRequest):
    """An order under its number: sending it again is harmless."""

    order_no: str = Field(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Number of the order at the portal; a customer's numbers are its own.",
    )


class CancellationRequest(BaseModel):
    """An order that shall not be delivered."""

    model_config = ConfigDict(extra="forbid")

    order_key: str = Field(min_length=1, max_length=400, pattern=_PLAIN)


class PlacedLine(BaseModel):
    """One line of an order as it was placed."""

    line_no: int
    sku: str
    quantity: int
    unit_price: Decimal
    line_amount: Decimal
    site: str = Field(description="Where it is reserved.")


class PlacedOrder(BaseModel):
    """An order that was entered here; `/orders/{order_key}` has it from the next run on."""

    order_key: str
    order_no: str = Field(description="The customer's number and the order's.")
    customer_key: str
    state: str = Field(description="placed or cancelled.")
    order_amount: Decimal
    currency_code: str
    entered_at: datetime
    lines: list[PlacedLine]


class StockPosition(BaseModel):
    """Stock of one article at one site: a row of `rpt_stock_matrix`."""

    business: str | None = None
    sku: str | None = None
    site: str | None = None
    name: str | None = None
    category: str | None = None
    counted_on: date | None = None
    on_hand: int | None = None
    reserved: int | None = None
    outbound: int | None = None
    inbound: int | None = None
    available_to_sell: int | None = None
    available_to_promise: Decimal | None = None
    first_available_on: date | None = None
    next_arrival_on: date | None = None
    stock_value: Decimal | None = None
    currency_code: str | None = None


class StockPage(Cited):
    """Stock by business, article and site."""

    rows: list[StockPosition]
    next_cursor: str | None


class AudienceMember(BaseModel):
    """One customer account; nothing personal."""

    customer_key: str | None = None
    business: str | None = None
    channel: str | None = None


class AudiencePage(Cited):
    """Customers of an RFM segment."""

    segment: str
    rows: list[AudienceMember]
    next_cursor: str | None


class DecisionEntry(BaseModel):
    """One decision of the ledger, as it stands now."""

    model_config = ConfigDict(from_attributes=True)

    decision_id: str | None = None
    rule_id: str | None = None
    rule_version: int | None = None
    kind: str | None = None
    mode: str | None = None
    subject: dict[str, Any] | None = None
    message: dict[str, str] | None = None
    explanation: dict[str, Any] | None = None
    amount: Decimal | None = Field(default=None, description="Money at stake.")
    currency_code: str | None = None
    cost: Decimal | None = None
    state: str | None = None
    state_reason: str | None = None
    owner: str | None = None
    priority: int | None = None
    made_from: str | None = Field(default=None, description="Publication that it was made from.")
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None


class DecisionPage(BaseModel):
    """Decisions, the newest first."""

    rows: list[DecisionEntry]
    next_cursor: str | None


class GivenVerdict(BaseModel):
    """What one person said."""

    approver: str
    on_behalf_of: str | None
    verdict: Literal["approve", "reject"]
    option: str | None = Field(description="The option that was chosen with it.")
    reason: str | None = Field(
        description="Why; null too where it may tell what is hidden from the key."
    )
    channel: str
    given_at: datetime


class Approval(BaseModel):
    """The approval of a decision as it stands now."""

    decision_id: str
    state: str = Field(description="awaiting, approved, rejected or expired.")
    role: str
    needed: int = Field(description="How many different people must approve.")
    recommended: str | None
    requested_at: datetime
    due_at: datetime
    closed_at: datetime | None
    verdicts: list[GivenVerdict]


class DecisionEvent(BaseModel):
    """One line of a decision's history."""

    happened_at: datetime
    event: str
    from_state: str | None
    to_state: str
    actor: str
    reason: str | None = None
    option: str | None = None


class DecisionOption(BaseModel):
    """One way out that a person may choose."""

    name: str
    label: dict[str, str]
    cost: Decimal | None = None
    currency_code: str | None = None


class DecisionLife(BaseModel):
    """One decision with its options, approval and history."""

    decision: DecisionEntry
    options: list[DecisionOption] = Field(
        description="What may be chosen with an approval, or by /choose where nobody is asked."
    )
    approval: Approval | None
    history: list[DecisionEvent]


class VerdictRequest(BaseModel):
    """What the key's person says about a decision."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        default="",
        max_length=1_000,
        pattern=_PLAIN,
        description="Why; needed when the answer is not the recommended one.",
    )
    seen_at: AwareDatetime | None = Field(
        default=None,
        description="`updated_at` of the decision as you saw it: 409 when it was changed since, "
        "and by whom.",
    )


class ApprovalRequest(VerdictRequest):
    """An approval, which may choose an option."""

    option: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=_PLAIN,
        description="Name of the option to execute with it; several who must approve choose the "
        "same.",
    )


class ChoiceRequest(VerdictRequest):
    """The choice of an option where nobody is asked for approval."""

    option: str = Field(
        min_length=1, max_length=200, pattern=_PLAIN, description="Name of the option."
    )


class Choice(BaseModel):
    """The option of a decision that was chosen."""

    decision_id: str
    option: str
    chosen_by: str
    chosen_at: datetime
    reason: str | None
    state: str = Field(description="State of the decision now.")


class PublicationEntry(Cited):
    """One publication."""

    checks: dict[str, int] = Field(description="How many checks passed, warned and failed.")


class PublicationList(BaseModel):
    """Publications, the newest first."""

    publications: list[PublicationEntry]


class Health(BaseModel):
    """Whether the interface can answer."""

    status: Literal["ok", "nothing_published"]
