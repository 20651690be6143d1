"""What an order would meet now: the customer's credit, the price list, and stock at our sites.

Credit, prices and what is on its way in are those of a publication, as far as the caller may see
it; what is free to promise is what the books of stock say this moment, so that two who ask at
once and then order can't both be promised the same unit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Connection, select, tuple_

from connectors.database.schema import entered_orders, stock_balances
from connectors.errors import InputError

SOURCE = "order_entry"
Read = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
Place = tuple[str, str]
_CENT = Decimal("0.01")

_CUSTOMER = """
    select customer_key, business, channel, currency_code
    from dim_customers where customer_key = $customer_key
"""
_CREDIT = """
    select credit_limit, exposure_amount, payment_terms_days
    from fct_customer_exposures
    where customer_key = $customer_key and currency_code = $currency_code
"""
_ARTICLES = """
    select sku, name, list_price, currency_code
    from dim_products where business = $business and list_contains($skus, sku)
"""
_PRICES = """
    select sku, unit_price
    from dim_prices
    where
        business = $business
        and currency_code = $currency_code
        and channel in ('*', $channel)
        and list_contains($skus, sku)
        and valid_from <= $today
        and coalesce(valid_until, $today) >= $today
    qualify row_number() over (
        partition by sku
        order by case when channel = '*' then 1 else 0 end, valid_from desc, price_key
    ) = 1
"""
_STOCK = """
    select
        sites.site_key, stock.site, stock.sku, stock.counted_on,
        greatest(stock.on_hand - stock.outbound, 0) as quantity
    from fct_stock_availability as stock
    join dim_sites as sites on stock.business = sites.business and stock.site = sites.site
    where
        stock.business = $business
        and list_contains($skus, stock.sku)
        and (sites.closed_on is null or sites.closed_on > $today)
    order by stock.site, stock.sku
"""
_ARRIVALS = """
    select site, sku, available_on, purchase_quantity + other_inbound_quantity as quantity
    from fct_available_to_promise
    where
        business = $business
        and list_contains($skus, sku)
        and purchase_quantity + other_inbound_quantity > 0
    order by site, sku, available_on
"""
_KNOWN_ORDERS = "select order_key from fct_orders where list_contains($keys, order_key)"


@dataclass(frozen=True)
class RequestedLine:
    """So many of an article; the price and the site are ours to say where they are left out."""

    sku: str
    quantity: int
    unit_price: Decimal | None = None
    site: str | None = None


@dataclass(frozen=True)
class OrderRequest:
    """What a customer wants.

    Attributes:
        customer_key: who.
        lines: in their order; two may be of one article.
        currency_code: of the order; None: the customer's.
        may_price: whether its prices may be below the price list.
    """

    customer_key: str
    lines: tuple[RequestedLine, ...]
    currency_code: str | None = None
    may_price: bool = False


@dataclass(frozen=True)
class CreditAnswer:
    """What the customer may still owe.

    Attributes:
        credit_limit: None: no limit is known, so nothing is delivered on credit.
        exposure_amount: open invoices and orders less unapplied money, of the publication.
        pending_amount: of orders entered here that the publication does not know yet.
        headroom_amount: the limit less both; None without a limit.
        left_amount: the headroom less this order.
        payment_terms_days: days from invoice to payment.
    """

    credit_limit: Decimal | None
    exposure_amount: Decimal
    pending_amount: Decimal
    headroom_amount: Decimal | None
    left_amount: Decimal | None
    payment_terms_days: int | None


@dataclass(frozen=True)
class LineAnswer:
    """What becomes of one line.

    Attributes:
        line_no: from 1.
        list_price: of the price list, else of the article.
        site: from where it would be sent; None: no site keeps it.
        free_quantity: of the article there now, after the lines above.
        available_on: the first day on which the whole line can be promised; None: never.
    """

    line_no: int
    sku: str
    name: str | None
    quantity: int
    list_price: Decimal | None
    unit_price: Decimal | None
    line_amount: Decimal | None
    site: str | None
    free_quantity: int
    available_on: date | None
    is_available: bool


@dataclass(frozen=True)
class Shelf:
    """What the publication says of an article at a site."""

    site_key: str
    site: str
    sku: str
    counted_on: date | None
    quantity: int


@dataclass(frozen=True)
class OrderAnswer:
    """The answer at entry.

    Attributes:
        lacks: one sentence for everything that stands in the way; empty: it can be placed.
        shelves: the stock that was looked at, by (site, article).
    """

    customer_key: str
    business: str
    channel: str
    currency_code: str
    order_amount: Decimal
    credit: CreditAnswer
    lines: tuple[LineAnswer, ...]
    lacks: tuple[str, ...]
    shelves: Mapping[Place, Shelf]

    @property
    def can_be_placed(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.lacks


class UnknownCustomerError(InputError):
    """There is no such customer, or none that the caller may see."""


def answer_order(
    read: Read,
    connection: Connection,
    request: OrderRequest,
    *,
    today: date,
    besides: str = "",
) -> OrderAnswer:
    """Answer what an order would meet; nothing is changed.

    Args:
        read: asks the publication, as far as the caller may see it.
        connection: the operational database.
        request: what is wanted.
        today: business date.
        besides: key of an order that does not count as pending: the one that is being placed.

    Raises:
        UnknownCustomerError: the publication does not know the customer.
        InputError: the customer has no currency and none was given.
    """
    found = read(_CUSTOMER, {"customer_key": request.customer_key})
    if not found:
        raise UnknownCustomerError(
            f"There is no customer {request.customer_key[:100]} that you may order for; "
            "correct the customer_key."
        )
    customer = found[0]
    currency = request.currency_code or customer["currency_code"]
    if not currency:
        raise InputError(
            f"Customer {request.customer_key} has no currency yet; give a currency_code."
        )
    skus = sorted({line.sku for line in request.lines})
    asked = {
        "business": customer["business"], "channel": customer["channel"],
        "currency_code": currency, "skus": skus, "today": today,
        "customer_key": request.customer_key,
    }  # fmt: skip
    shelves = {(row["site"], row["sku"]): Shelf(**row) for row in _ask(read, _STOCK, asked)}
    lines = tuple(_lines(request.lines, _Offers(read, connection, asked, shelves), today=today))
    amount = sum((line.line_amount or Decimal(0) for line in lines), Decimal("0.00"))
    credit = _credit(read, connection, asked, amount, besides)
    lacks = [
        *_lacking_articles(request, lines, currency),
        *lacking_credit(request.customer_key, credit, amount, currency),
    ]
    return OrderAnswer(
        request.customer_key, customer["business"], customer["channel"], currency, amount, credit,
        lines, tuple(lacks), shelves,
    )  # fmt: skip


def is_known(read: Read, customer_key: str) -> bool:
    """Whether the caller sees this customer."""
    return bool(read(_CUSTOMER, {"customer_key": customer_key}))


def pending_orders(
    read: Read, connection: Connection, customer_key: str, currency_code: str, besides: str = ""
) -> Decimal:
    """The sum of a customer's entered orders that the publication does not hold yet."""
    order = entered_orders.c
    query = select(order.order_key, order.order_amount).where(
        order.customer_key == customer_key,
        order.currency_code == currency_code,
        order.state.in_(("placing", "placed")),
        order.order_key != besides,
    )
    amounts = {row[0]: row[1] for row in connection.execute(query)}
    if not amounts:
        return Decimal("0.00")
    known = {row["order_key"] for row in read(_KNOWN_ORDERS, {"keys": sorted(amounts)})}
    return sum((amounts[key] for key in amounts.keys() - known), Decimal("0.00"))


class _Offers:
    """What we have of the articles that are asked for, and at which price."""

    def __init__(
        self,
        read: Read,
        connection: Connection,
        asked: Mapping[str, Any],
        shelves: Mapping[Place, Shelf],
    ) -> None:
        currency = asked["currency_code"]
        self.articles = {row["sku"]: row for row in _ask(read, _ARTICLES, asked)}
        self.prices = {
            sku: Decimal(row["list_price"])
            for sku, row in self.articles.items()
            if row["list_price"] is not None and row["currency_code"] == currency
        } | {row["sku"]: Decimal(row["unit_price"]) for row in _ask(read, _PRICES, asked)}
        self.free = _free(connection, shelves)
        self.arrivals: dict[Place, list[tuple[date, Decimal]]] = {}
        for row in _ask(read, _ARRIVALS, asked):
            place = (row["site"], row["sku"])
            self.arrivals.setdefault(place, []).append((row["available_on"], row["quantity"]))
        self.taken: Counter[Place] = Counter()

    def sites(self, line: RequestedLine) -> list[str]:
        """Where the article is kept or expected, as far as the line leaves the choice."""
        places = [*self.free, *self.arrivals]
        kept = sorted({site for site, sku in places if sku == line.sku})
        return [site for site in kept if line.site in (None, site)]

    def first_day(self, place: Place, quantity: int, today: date) -> date | None:
        """When so many more can be promised at a place."""
        there = Decimal(self.free.get(place, 0) - self.taken[place])
        if there >= quantity:
            return today
        for day, arriving in self.arrivals.get(place, []):
            there += arriving
            if there >= quantity:
                return max(day, today)
        return None


def _lines(lines: Sequence[RequestedLine], offers: _Offers, *, today: date) -> Iterable[LineAnswer]:
    """Each line at the site that can promise it first, of those the one with most on hand."""
    for number, line in enumerate(lines, start=1):
        choices: list[tuple[date, int, str]] = []
        for kept_at in offers.sites(line):
            place = (kept_at, line.sku)
            free = max(offers.free.get(place, 0) - offers.taken[place], 0)
            first_day = offers.first_day(place, line.quantity, today)
            choices.append((first_day or date.max, -free, kept_at))
        best: tuple[date, int, str | None] = min(choices, default=(date.max, 0, None))
        day, less_free, site = best
        if site is not None and day != date.max:
            offers.taken[site, line.sku] += line.quantity
        list_price = offers.prices.get(line.sku)
        price = list_price if line.unit_price is None else line.unit_price
        article = offers.articles.get(line.sku)
        yield LineAnswer(
            line_no=number,
            sku=line.sku,
            name=article["name"] if article else None,
            quantity=line.quantity,
            list_price=list_price,
            unit_price=price,
            line_amount=None if price is None
            else (price * line.quantity).quantize(_CENT, ROUND_HALF_UP),
            site=site,
            free_quantity=-less_free,
            available_on=None if day == date.max else day,
            is_available=day == today,
        )  # fmt: skip


def _free(connection: Connection, shelves: Mapping[Place, Shelf]) -> dict[Place, int]:
    """What may be promised now: the books' word, and of what they don't keep the last count."""
    balance = stock_balances.c
    keys = [(shelf.site_key, shelf.sku) for shelf in shelves.values()]
    query = select(balance.site, balance.sku, balance.on_hand - balance.reserved).where(
        tuple_(balance.site, balance.sku).in_(keys)
    )
    booked = {(row[0], row[1]): row[2] for row in connection.execute(query)} if keys else {}
    return {
        place: booked.get((shelf.site_key, shelf.sku), shelf.quantity)
        for place, shelf in shelves.items()
    }


def _credit(
    read: Read, connection: Connection, asked: Mapping[str, Any], amount: Decimal, besides: str
) -> CreditAnswer:
    rows = _ask(read, _CREDIT, asked)
    row: Mapping[str, Any] = rows[0] if rows else {}
    pending = pending_orders(
        read, connection, asked["customer_key"], asked["currency_code"], besides
    )
    exposure = row.get("exposure_amount") or Decimal("0.00")
    limit = row.get("credit_limit")
    headroom = None if limit is None else limit - exposure - pending
    return CreditAnswer(
        credit_limit=limit,
        exposure_amount=exposure,
        pending_amount=pending,
        headroom_amount=headroom,
        left_amount=None if headroom is None else headroom - amount,
        payment_terms_days=row.get("payment_terms_days"),
    )


def _lacking_articles(
    request: OrderRequest, lines: Iterable[LineAnswer], currency: str
) -> Iterable[str]:
    for line in lines:
        where = f"line {line.line_no}"
        if line.name is None and line.list_price is None and line.site is None:
            yield f"{where}: there is no article {line.sku[:100]}; correct its sku."
        elif line.unit_price is None:
            yield f"{where}: {line.sku} has no price in {currency}; give a unit_price."
        elif (
            not request.may_price
            and line.list_price is not None
            and line.unit_price < line.list_price
        ):
            yield (
                f"{where}: {line.sku} costs {line.list_price:f} {currency} and not "
                f"{line.unit_price:f}; leave the unit_price out."
            )
        if line.site is None:
            continue
        if not line.is_available:
            when = f"; all of it from {line.available_on}" if line.available_on else ""
            yield (
                f"{where}: {line.quantity} of {line.sku} wanted, {line.free_quantity} free at "
                f"{line.site}{when}."
            )


def lacking_credit(
    customer_key: str, credit: CreditAnswer, amount: Decimal, currency: str
) -> Iterable[str]:
    """One sentence where an order is more than the customer may owe."""
    if credit.headroom_amount is None:
        yield (
            f"credit: {customer_key} has no credit limit in {currency}, so it can't order on "
            "credit; have finance set one."
        )
    elif amount > credit.headroom_amount:
        over = amount - credit.headroom_amount
        yield (
            f"credit: {amount:f} {currency} ordered, {max(credit.headroom_amount, Decimal(0)):f} "
            f"left of the limit of {credit.credit_limit:f}: {over:f} too much."
        )


def _ask(read: Read, sql: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask with those of the values that the question names."""
    return read(sql, {name: value for name, value in asked.items() if f"${name}" in sql})
