"""The person-in-channel funnel of the simulated retailer, from raw files in plain Python."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from tests.oracle.funnel_walk import Event, Step, walk

LOCAL = ZoneInfo("Asia/Shanghai")
SALES_CHANNELS = {
    "taobao_chat": "tmall_flagship",
    "douyin_chat": "douyin_live",
    "web_chat": "shopify_global",
    "web": "shopify_global",
}
STEPS = ("contacted", "inquired", "visited", "cart", "ordered", "paid")
SILENCE = timedelta(hours=168)


@dataclass(frozen=True)
class Contact:
    """An inquiry or a visit as its file tells it."""

    place: str
    token: str
    order_no: str
    at: datetime
    cart_at: datetime | None = None
    ordered_at: datetime | None = None


@dataclass(frozen=True)
class Order:
    """What the marts say of an order; their figures have oracles of their own."""

    order_no: str
    channel: str
    customer: str | None
    created_at: datetime
    paid_at: datetime | None
    cancelled_at: datetime | None


def read_contacts(world: Path) -> list[Contact]:
    """All inquiries, as their newest row tells them, and all visits."""
    inquiries: dict[str, dict[str, str]] = {}
    for path in sorted((world / "inquiries").rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                known = inquiries.get(row["inquiry_id"], {"order_no": "", "first_replied_at": ""})
                if (row["order_no"], row["first_replied_at"]) >= (
                    known["order_no"],
                    known["first_replied_at"],
                ):
                    inquiries[row["inquiry_id"]] = row
    asked = [
        Contact(
            row["channel"],
            f"{row['channel']}:{row['customer']}",
            row["order_no"],
            datetime.fromisoformat(row["asked_at"]).replace(tzinfo=LOCAL).astimezone(UTC),
        )
        for row in inquiries.values()
    ]
    return asked + list(_visits(world))


def _visits(world: Path) -> Iterator[Contact]:
    sessions: dict[tuple[str, int], dict[str, datetime]] = defaultdict(dict)
    orders: dict[tuple[str, int], str] = {}
    for path in sorted((world / "ga4").rglob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            values = {pair["key"]: pair["value"] for pair in row["event_params"]}
            visit = (row["user_pseudo_id"], values["ga_session_id"]["int_value"])
            at = datetime.fromtimestamp(row["event_timestamp"] / 1_000_000, UTC)
            at = at.replace(microsecond=row["event_timestamp"] % 1_000_000)
            first = sessions[visit].get(row["event_name"], at)
            sessions[visit][row["event_name"]] = min(first, at)
            if row["event_name"] == "purchase":
                orders[visit] = row["ecommerce"]["transaction_id"]
    for visit, events in sessions.items():
        yield Contact(
            "web",
            visit[0],
            orders.get(visit, ""),
            min(events.values()),
            events.get("add_to_cart"),
            events.get("purchase"),
        )


def person_outcomes(
    contacts: list[Contact], orders: list[Order], steps: list[Step], as_of: datetime
) -> Counter[tuple[str, int, str]]:
    """How many journeys of each channel have each outcome at each step."""
    counted: Counter[tuple[str, int, str]] = Counter()
    for channel, touches in _journeys(contacts, {order.order_no: order for order in orders}):
        order = next((touch for touch in touches if isinstance(touch, Order)), None)
        events = list(_events([t for t in touches if isinstance(t, Contact)], order))
        ended_at = order.cancelled_at if order else None
        for outcome in walk(events, steps, as_of=as_of, ended_at=ended_at):
            counted[channel, outcome.step_number, outcome.outcome] += 1
    return counted


def _journeys(
    contacts: list[Contact], orders: dict[str, Order]
) -> Iterator[tuple[str, list[Contact | Order]]]:
    """Channel and touches of every journey that has a contact."""
    buyers: dict[str, tuple[str, str]] = {}
    for contact in contacts:
        order = orders.get(contact.order_no)
        if order and order.customer:
            buyer = (order.customer, order.channel)
            buyers[contact.token] = min(buyers.get(contact.token, buyer), buyer)
    people: dict[tuple[str, str], list[Contact | Order]] = defaultdict(list)
    unnamed: dict[str, str] = {}
    for contact in contacts:
        known = buyers.get(contact.token)
        named = orders.get(contact.order_no)
        channel = SALES_CHANNELS.get(contact.place, contact.place)
        person = known[0] if known else contact.token
        channel = known[1] if known else channel
        if named:
            person, channel = named.customer or person, named.channel
            unnamed[named.order_no] = person
        people[channel, person].append(contact)
    for order in orders.values():
        person = order.customer or unnamed.get(order.order_no, "")
        if person:
            people[order.channel, person].append(order)
    for (channel, _), touches in people.items():
        for journey in _attempts(touches):
            if any(isinstance(touch, Contact) for touch in journey):
                yield channel, journey


def _attempts(touches: list[Contact | Order]) -> Iterator[list[Contact | Order]]:
    journey: list[Contact | Order] = []
    for touch in sorted(touches, key=lambda one: (_time(one), isinstance(one, Order))):
        ends = journey and (
            isinstance(journey[-1], Order) or _time(touch) - _time(journey[-1]) > SILENCE
        )
        if ends:
            yield journey
            journey = []
        journey.append(touch)
    if journey:
        yield journey


def _time(touch: Contact | Order) -> datetime:
    return touch.created_at if isinstance(touch, Order) else touch.at


def _events(touches: list[Contact], order: Order | None) -> Iterator[Event]:
    for contact in touches:
        yield contact.at, 1
        yield contact.at, 3 if contact.place == "web" else 2
        if contact.cart_at:
            yield contact.cart_at, 4
    if order:
        told = [c.ordered_at for c in touches if c.order_no == order.order_no and c.ordered_at]
        yield (told[0] if told else order.created_at), 5
        if order.paid_at:
            yield order.paid_at, 6
