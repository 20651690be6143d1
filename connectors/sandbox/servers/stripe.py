"""Stripe's API: the lists of balance transactions and of payouts of one account.

Checked: the secret key (Bearer or Basic), the version, every parameter, calls a second. Newest
first, each page behind or before an object's id. Not simulated: other objects, writing, connected
accounts.
"""

import base64
import binascii
import hmac
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.files.rendering import order_numbers
from connectors.sandbox.platforms import STORE
from connectors.sandbox.servers.clock import epoch_of, seconds_of_epoch
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.texts import plain
from connectors.sandbox.stages.card_settling import (
    CHARGE,
    DISPUTE,
    DISPUTE_WON,
    ENTRY_KINDS,
    FAILED,
    PAID,
    PAYOUT,
    PAYOUT_FAILURE,
    PAYOUT_STATES,
    REFUND,
    CardAccount,
    charge_numbers,
    object_numbers,
)
from connectors.sandbox.world import Ints

CALLS_PER_SECOND: Final = 100
CURRENCY: Final = "cny"
_USUAL_PAGE: Final = 10
_LARGEST_PAGE: Final = 100
_TYPES: Final = ("charge", "refund", "adjustment", "adjustment", "payout", "payout_failure")
_SPAN: Final = re.compile(r"(created|arrival_date)\[(gte|gt|lte|lt)\]")
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_PAGING: Final = ("limit", "starting_after", "ending_before")


class _StripeError(Exception):
    """An error as Stripe writes it: `error` with type, message and perhaps code and parameter."""

    def __init__(self, status: int, kind: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = more.get("code", kind)
        self.body = {"error": {**more, "message": message, "type": kind}}


class StripeServer:
    """One account. Option (`POST /control`): `calls_per_second`.

    Args:
        retail: the retailer.
        clock: seconds that only ever grow; tests give their own.
    """

    def __init__(self, retail: Retail, clock: Callable[[], float] = time.monotonic) -> None:
        self._retail = retail
        self._clock = clock
        self._calls: deque[float] = deque()
        self._beginnings = 0
        retail.options["stripe"] = {"calls_per_second": CALLS_PER_SECOND}

    def routes(self) -> list[Route]:
        """Both lists; everything else is unknown."""
        return [
            Route("/v1/balance_transactions", self._transactions, methods=["GET"]),
            Route("/v1/payouts", self._payouts, methods=["GET"]),
            Route("/{path:path}", self._unknown, methods=["GET"]),
        ]

    @cached_property
    def _objects(self) -> "_Objects":
        return _Objects(self._retail)

    async def _transactions(self, request: Request) -> Response:
        def answer(asked: "_Asked") -> dict[str, Any]:
            table = self._objects.account.entries
            rows = asked.within("created", np.arange(len(table)), table.at, self._retail.as_of)
            for name, matches in (
                ("type", lambda text: np.isin(table.kind, _codes(_TYPES, text))),
                ("source", lambda text: np.array(self._objects.sources) == text),
                ("payout", lambda text: table.paid_by == self._objects.payout_rows.get(text, -2)),
                ("currency", lambda text: np.full(len(table), text == CURRENCY)),
            ):
                if name in asked.parameters:
                    rows = rows[matches(asked.parameters[name])[rows]]
            page, has_more = asked.page_of(rows, self._objects.transaction_rows)
            self._retail.counters["stripe.balance_transactions"] += len(page)
            expands = asked.expands("data.source")
            return {"data": self._objects.transactions(page, expands), "has_more": has_more}

        filters = ("created", "type", "source", "payout", "currency")
        return self._answered(request, "balance_transaction", filters, answer)

    async def _payouts(self, request: Request) -> Response:
        def answer(asked: "_Asked") -> dict[str, Any]:
            table = self._objects.account.payouts
            rows = asked.within(
                "created", np.arange(len(table)), table.created_at, self._retail.as_of
            )
            rows = asked.within("arrival_date", rows, table.arrives_at, None)
            if "status" in asked.parameters:
                wanted = _codes(PAYOUT_STATES, asked.parameters["status"])
                rows = rows[np.isin(table.states(self._retail.as_of)[rows], wanted)]
            page, has_more = asked.page_of(rows, self._objects.payout_rows)
            self._retail.counters["stripe.payouts"] += len(page)
            return {"data": self._objects.payouts(page), "has_more": has_more}

        filters = ("created", "arrival_date", "status")
        return self._answered(request, "payout", filters, answer)

    @property
    def _now(self) -> int:
        return self._retail.as_of

    async def _unknown(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        error = _StripeError(
            404, "invalid_request_error", f"Unrecognized request URL (GET: {path})."
        )
        return self._sent(error.status, error.body)

    def _answered(
        self,
        request: Request,
        kind: str,
        filters: tuple[str, ...],
        answer: Callable[["_Asked"], dict[str, Any]],
    ) -> Response:
        """Answer one list, errors in Stripe's own words."""
        try:
            self._check(request)
            asked = _Asked(request.query_params, kind, filters)
            self._name(request, asked)
            path = request.url.path.removeprefix(request.scope["root_path"])
            return self._sent(200, {"object": "list", "url": path, **answer(asked)})
        except _StripeError as error:
            self._retail.counters[f"stripe.error.{error.name}"] += 1
            return self._sent(error.status, error.body)

    def _sent(self, status: int, body: dict[str, Any]) -> Response:
        return Response(
            orjson.dumps(body),
            status,
            {"request-id": f"req_{time.time_ns():x}"},
            media_type="application/json",
        )

    def _name(self, request: Request, asked: "_Asked") -> None:
        """A list asked for from its beginning is a new one: no older page can be its first."""
        self._beginnings += asked.is_beginning
        query = sorted(item for item in asked.parameters.items() if item[0] not in _PAGING)
        name_query(request, f"stripe {request.url.path} {query} {self._beginnings}")

    def _check(self, request: Request) -> None:
        if is_unavailable(request):
            raise _StripeError(
                503, "api_error", "Stripe is temporarily unavailable. Please try again."
            )
        known = self._retail.credentials.stripe.api_key
        given = _key_of(request)
        if not given:
            raise _StripeError(
                401, "invalid_request_error", "You did not provide an API key. Use Bearer auth."
            )
        if not hmac.compare_digest(given.encode(), known.encode()):
            shown = f"{given[:8]}{'*' * max(len(given) - 12, 0)}{given[-4:]}"
            raise _StripeError(401, "invalid_request_error", f"Invalid API Key provided: {shown}")
        if "stripe" in self._retail.expired:
            raise _StripeError(
                401, "invalid_request_error", "Expired API Key provided.", code="api_key_expired"
            )
        version = request.headers.get("stripe-version", "2024-06-20")
        if not _VERSION.fullmatch(version):
            raise _StripeError(
                400, "invalid_request_error", f"Invalid Stripe API version: {version}"
            )
        self._check_pace(is_over=is_throttled(request))

    def _check_pace(self, *, is_over: bool) -> None:
        now = self._clock()
        while self._calls and self._calls[0] <= now - 1:
            self._calls.popleft()
        most = int(self._retail.options["stripe"]["calls_per_second"])
        if is_over or len(self._calls) >= most:
            raise _StripeError(
                429,
                "invalid_request_error",
                "Request rate limit exceeded. Retry with exponential backoff.",
                code="rate_limit",
            )
        self._calls.append(now)


class _Asked:
    """The query of a list, checked.

    Raises:
        _StripeError: a parameter is unknown or wrong.
    """

    def __init__(self, parameters: Mapping[str, str], kind: str, filters: tuple[str, ...]) -> None:
        self.parameters = parameters
        self._kind = kind
        for name in parameters:
            span = _SPAN.fullmatch(name)
            if (span.group(1) if span else name) not in (*filters, *_PAGING, "expand[]"):
                raise _refused(name, f"Received unknown parameter: {name}", "parameter_unknown")
        self.limit = self._whole("limit", _USUAL_PAGE)
        if not 1 <= self.limit <= _LARGEST_PAGE:
            raise _refused(
                "limit",
                f"This value must be between 1 and {_LARGEST_PAGE} (it currently is "
                f"'{self.limit}').",
                "parameter_invalid_integer",
            )
        if "starting_after" in parameters and "ending_before" in parameters:
            raise _StripeError(
                400,
                "invalid_request_error",
                "Received both starting_after and ending_before parameters. Please pass only one.",
            )

    @property
    def is_beginning(self) -> bool:
        """Whether the list is asked for from its front."""
        return not {"starting_after", "ending_before"} & set(self.parameters)

    def within(self, name: str, rows: Ints, times: Ints, until: int | None) -> Ints:
        """The rows whose time is in the span that was asked for, and not behind `until`."""
        at = times[rows]
        keep = np.ones(len(rows), dtype=np.bool_) if until is None else at <= until
        for comparison, holds in (
            ("", np.equal),
            ("[gte]", np.greater_equal),
            ("[gt]", np.greater),
            ("[lte]", np.less_equal),
            ("[lt]", np.less),
        ):
            asked = f"{name}{comparison}"
            if asked in self.parameters:
                keep &= holds(at, seconds_of_epoch(self._whole(asked, 0)))
        return rows[keep]

    def page_of(self, rows: Ints, known: Mapping[str, int]) -> tuple[Ints, bool]:
        """One page of rows in the order of time, turned to newest first, and whether more follow.

        Args:
            rows: what matches; rows of the table are in the order of time.
            known: the row of every object by its id.
        """
        newest_first = rows[::-1]
        if "ending_before" in self.parameters:
            before = newest_first[newest_first > self._place("ending_before", known)]
            return before[-self.limit :], len(before) > self.limit
        if "starting_after" in self.parameters:
            newest_first = newest_first[newest_first < self._place("starting_after", known)]
        return newest_first[: self.limit], len(newest_first) > self.limit

    def expands(self, name: str) -> bool:
        """Whether an object is to be sent whole instead of its id."""
        return self.parameters.get("expand[]") == name

    def _place(self, name: str, known: Mapping[str, int]) -> int:
        number = self.parameters[name]
        if number not in known:
            raise _refused(name, f"No such {self._kind}: '{number}'", "resource_missing")
        return known[number]

    def _whole(self, name: str, usual: int) -> int:
        text = self.parameters.get(name, str(usual))
        if not text.isascii() or not text.isdigit():
            raise _refused(name, f"Invalid integer: {text}", "parameter_invalid_integer")
        return int(text)


class _Objects:
    """The account's objects as JSON; ids are made once."""

    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._world = retail.world
        self.account: CardAccount = retail.card_account
        table = self.account.entries
        self._transactions = object_numbers("txn", range(len(table)))
        self._payouts = object_numbers("po", range(len(self.account.payouts)))
        self.transaction_rows = {number: row for row, number in enumerate(self._transactions)}
        self.payout_rows = {number: row for row, number in enumerate(self._payouts)}
        self._order_numbers: list[str] = order_numbers(self._world).to_pylist()
        self._charges: dict[int, str] = dict(
            zip(plain(table.order), charge_numbers(table.order), strict=True)
        )
        self.sources = [self._source_of(row) for row in range(len(table))]

    def transactions(self, rows: Ints, with_sources: bool) -> list[dict[str, Any]]:
        """Balance transactions; their sources as ids or as the objects themselves."""
        return [self._transaction(row, with_sources) for row in plain(rows)]

    def payouts(self, rows: Ints) -> list[dict[str, Any]]:
        """Payouts as they stand now."""
        return [self._payout(row) for row in plain(rows)]

    def _transaction(self, row: int, with_source: bool) -> dict[str, Any]:
        table = self.account.entries
        kind, amount, fee = int(table.kind[row]), int(table.amount[row]), int(table.fee[row])
        available_at = int(table.available_at[row])
        return {
            "id": self._transactions[row],
            "object": "balance_transaction",
            "amount": amount,
            "available_on": epoch_of(available_at),
            "balance_type": "payments",
            "created": epoch_of(int(table.at[row])),
            "currency": CURRENCY,
            "description": self._description(row),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": _fee_details(kind, fee),
            "net": amount - fee,
            "reporting_category": ENTRY_KINDS[kind],
            "source": self._source(row) if with_source else self.sources[row],
            "status": "available" if available_at <= self._retail.as_of else "pending",
            "type": _TYPES[kind],
        }

    def _description(self, row: int) -> str:
        table = self.account.entries
        kind = int(table.kind[row])
        if kind in (PAYOUT, PAYOUT_FAILURE):
            return "STRIPE PAYOUT" if kind == PAYOUT else "Payout failure"
        order_no = self._order_numbers[int(table.order[row])]
        words = {
            CHARGE: f"Order {order_no}",
            REFUND: f"REFUND FOR CHARGE (Order {order_no})",
            DISPUTE: f"Chargeback withdrawal for {self._charge_of(row)}",
            DISPUTE_WON: f"Chargeback reversal for {self._charge_of(row)}",
        }
        return words[kind]

    def _charge_of(self, row: int) -> str:
        return self._charges[int(self.account.entries.order[row])]

    def _source_of(self, row: int) -> str:
        table = self.account.entries
        kind = int(table.kind[row])
        if kind == CHARGE:
            return self._charge_of(row)
        if kind in (PAYOUT, PAYOUT_FAILURE):
            return self._payouts[int(table.payout[row])]
        prefix, of = ("re", table.refund) if kind == REFUND else ("dp", table.order)
        return object_numbers(prefix, [int(of[row])])[0]

    def _source(self, row: int) -> dict[str, Any]:
        """What the money moved for: a charge names its order, the others only their charge."""
        table = self.account.entries
        kind, created = int(table.kind[row]), epoch_of(int(table.at[row]))
        common = {"id": self.sources[row], "currency": CURRENCY, "created": created}
        if kind in (PAYOUT, PAYOUT_FAILURE):
            return self._payout(int(table.payout[row]))
        if kind == CHARGE:
            return {**common, **self._charge(row)}
        common |= {
            "amount": abs(int(table.amount[row])),
            "charge": self._charge_of(row),
            "payment_intent": self._intent(row),
            "metadata": {},
        }
        if kind == REFUND:
            return {**common, "object": "refund", "status": "succeeded", "reason": None}
        status = "won" if kind == DISPUTE_WON else "needs_response"
        return {**common, "object": "dispute", "status": status, "reason": "fraudulent"}

    def _charge(self, row: int) -> dict[str, Any]:
        order = int(self.account.entries.order[row])
        account = int(self._world.orders.account[order])
        phone = str(self._world.accounts.phone[account]) if account >= 0 else None
        in_store = int(self._world.orders.channel[order]) == STORE
        amount = int(self.account.entries.amount[row])
        return {
            "object": "charge",
            "amount": amount,
            "amount_captured": amount,
            "billing_details": {"name": "Card Holder", "email": None, "phone": phone},
            "captured": True,
            "metadata": {"order_id": self._order_numbers[order]},
            "paid": True,
            "payment_intent": self._intent(row),
            "payment_method_details": {"type": "card_present" if in_store else "card"},
            "status": "succeeded",
        }

    def _intent(self, row: int) -> str:
        return object_numbers("pi", [int(self.account.entries.order[row])])[0]

    def _payout(self, row: int) -> dict[str, Any]:
        table, as_of = self.account.payouts, self._retail.as_of
        state = int(table.states(as_of)[row])
        has_failed = state == FAILED
        return {
            "id": self._payouts[row],
            "object": "payout",
            "amount": int(table.amount[row]),
            "arrival_date": epoch_of(int(table.arrives_at[row])),
            "automatic": True,
            "balance_transaction": self._transactions[int(table.entry[row])],
            "created": epoch_of(int(table.created_at[row])),
            "currency": CURRENCY,
            "description": "STRIPE PAYOUT",
            "destination": "ba_sandbox",
            "failure_balance_transaction": self._transactions[int(table.failure[row])]
            if has_failed
            else None,
            "failure_code": "account_closed" if has_failed else None,
            "failure_message": "The bank account has been closed." if has_failed else None,
            "livemode": False,
            "metadata": {},
            "method": "standard",
            "reconciliation_status": "completed" if state in (PAID, FAILED) else "in_progress",
            "source_type": "card",
            "statement_descriptor": None,
            "status": PAYOUT_STATES[state],
            "type": "bank_account",
        }


def routes(retail: Retail) -> list[Route]:
    """Stripe's routes for the harness."""
    return StripeServer(retail).routes()


def _key_of(request: Request) -> str:
    """The key as a bearer token, or as the user of Basic authentication; empty without."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        return text
    if scheme != "Basic":
        return ""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _refused(name: str, message: str, code: str) -> _StripeError:
    return _StripeError(400, "invalid_request_error", message, code=code, param=name)


def _codes(words: tuple[str, ...], asked: str) -> list[int]:
    return [code for code, word in enumerate(words) if word == asked]


def _fee_details(kind: int, fee: int) -> list[dict[str, Any]]:
    if not fee:
        return []
    words = "Stripe processing fees" if kind == CHARGE else "Dispute fee"
    return [
        {
            "amount": fee,
            "application": None,
            "currency": CURRENCY,
            "description": words,
            "type": "stripe_fee",
        }
    ]
