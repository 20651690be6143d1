"""Takes an entry once: an order goes the way of every order, a document to bronze as it is.

What a number was used for first stands: the same entry again finds it and finishes what a kill has
left, another one under it is refused. Bronze takes a message once.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Row, insert, select, update

from connectors.database.data_tables import form_entries
from connectors.database.engine import write_transaction
from connectors.errors import InputError, TransientError
from connectors.inbox.segments import Message, write_segment
from connectors.settings import Settings
from orchestration.forms.definition import Form, TargetKind
from orchestration.forms.evaluation import Value
from orchestration.forms.validation import Answers, Read, currency_of, validate
from orchestration.order_entry.answering import OrderRequest, RequestedLine
from orchestration.order_entry.placing import Entry, place_order

SOURCE = "form_entries"
_LOCK = 4_044_044_053
_HALF_WAY = timedelta(minutes=10)
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class EntryUsedError(InputError):
    """This number stands for another entry."""


@dataclass(frozen=True)
class Receipt:
    """What became of an entry.

    Attributes:
        form: which form.
        version: of the form, with which it was entered first.
        kind: an order or a document.
        number: under which it was entered.
        key: under which the lake has it from the next run on.
        entered_at: when it was entered first.
        amount, currency_code: of an order.
    """

    form: str
    version: int
    kind: TargetKind
    number: str
    key: str
    entered_by: str
    entered_at: datetime
    amount: Decimal | None = None
    currency_code: str | None = None


@dataclass(frozen=True)
class Entering:
    """What was filled in, by whom, under which number, and when.

    Attributes:
        filled: see `validation.validate`.
    """

    filled: Mapping[str, Any]
    number: str
    entered_by: str
    now: datetime


def enter(
    settings: Settings, engine: Engine, read: Read, form: Form, entering: Entering
) -> Receipt:
    """Judge what was filled in and keep it; again with the same number and content is harmless.

    Args:
        settings: whose inbox.
        engine: the operational database.
        read: asks the publication, as far as the caller may see it.
        form: which form.
        entering: what was filled in, by whom, under which number, when.

    Raises:
        RefusedEntryError: it is not filled in as it should be; says what.
        LackingError: an order lacks credit, stock or a price.
        NumberUsedError, EntryUsedError: the number stands for another one.
        InputError: the number or the name can't be used.
        TransientError: the inbox's disk did not take it; entering it again goes on.
    """
    _check_number(entering.number)
    if not entering.entered_by.strip():
        raise InputError("It is not said who enters this; give a name.")
    answers = validate(form, entering.filled, read)
    if form.target.kind == "document":
        return _keep(settings, engine, form, answers, entering)
    number = _text(answers.entry.get("order_no")) or entering.number
    _check_number(number)
    request = _request(form, answers)
    placed = place_order(
        settings, engine, read, request, Entry(number, "staff", entering.entered_by),
        now=entering.now,
    )  # fmt: skip
    return Receipt(
        form.name, form.version, "order", placed.order_no, placed.order_key,
        str(placed.record["entered_by"]), placed.entered_at, placed.order_amount,
        placed.currency_code,
    )  # fmt: skip


def hand_over_rest(settings: Settings, engine: Engine, *, now: datetime) -> int:
    """Finish what a kill has kept from bronze; how many entries were left half-way."""
    query = select(form_entries).where(
        form_entries.c.state == "entering", form_entries.c.entered_at < now - _HALF_WAY
    )
    with engine.connect() as connection:
        left = connection.execute(query).all()
    for row in left:
        _finish(settings, engine, row, now)
    return len(left)


def _check_number(number: str) -> None:
    if not _NUMBER.fullmatch(number):
        raise InputError(
            f"The number {number[:80]!r} must be of up to 64 letters, digits, dots, dashes and "
            "underlines; give another."
        )


def _request(form: Form, answers: Answers) -> OrderRequest:
    return OrderRequest(
        customer_key=str(answers.entry["customer_key"]),
        lines=tuple(_requested(line) for line in answers.lines),
        currency_code=_text(answers.entry.get("currency_code")),
        may_price=form.target.may_price,
    )


def _requested(line: Mapping[str, Value]) -> RequestedLine:
    price = line.get("unit_price")
    return RequestedLine(
        sku=str(line["sku"]),
        quantity=int(str(line["quantity"])),
        unit_price=None if price is None else Decimal(str(price)),
        site=_text(line.get("site")),
    )


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)


def _keep(
    settings: Settings, engine: Engine, form: Form, answers: Answers, entering: Entering
) -> Receipt:
    key = f"{form.name}:{entering.number}"
    values = _values(form, answers)
    hashed = hashlib.sha256(orjson.dumps(values)).hexdigest()
    with write_transaction(engine, lock=_LOCK) as connection:
        row = _row(connection, key)
        if row is None:
            record = {
                "entry_no": key,
                "form": form.name,
                "form_version": form.version,
                "entered_at": entering.now.isoformat(),
                "entered_by": entering.entered_by,
                "values": values,
            }
            connection.execute(
                insert(form_entries).values(
                    entry_key=key, form=form.name, state="entering", entry_hash=hashed,
                    record=record, entered_by=entering.entered_by, entered_at=entering.now,
                    updated_at=entering.now,
                )
            )  # fmt: skip
            row = _row(connection, key)
    assert row is not None  # noqa: S101 - it was there or was just written
    if row.entry_hash != hashed:
        raise EntryUsedError(
            f"The number {entering.number} stands for another entry of the form {form.name}; give "
            "this one another number."
        )
    if row.state == "entering":
        _finish(settings, engine, row, entering.now)
    return Receipt(
        form.name, int(row.record["form_version"]), "document", entering.number, key,
        row.entered_by, row.entered_at,
    )  # fmt: skip


def _values(form: Form, answers: Answers) -> list[dict[str, Any]]:
    """One element a value, as bronze keeps it: numbers as text, free text apart from the rest."""
    found: list[dict[str, Any]] = []
    for number, values in enumerate((answers.entry, *answers.lines)):
        for one in form.line_fields if number else form.fields:
            if one.name not in values:
                continue
            told = _told(values[one.name])
            line = values if number else {}
            found.append(
                {
                    "line_no": number,
                    "field": one.name,
                    "value_type": one.type,
                    "value": None if one.type == "text" else told,
                    "remark": told if one.type == "text" else None,
                    "currency_code": currency_of(one, answers.entry, line),
                }
            )
    return found


def _told(value: Value) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _finish(settings: Settings, engine: Engine, row: Row[Any], now: datetime) -> None:
    """Put an entry into the inbox; the same one again is dropped on its way."""
    message = Message(
        source=SOURCE,
        account=row.form,
        topic=row.form,
        dedupe_key=row.entry_key,
        received_at=now.isoformat(timespec="microseconds"),
        payload=orjson.dumps(row.record).decode(),
        sent_at=str(row.record["entered_at"]),
    )
    try:
        write_segment(settings.inbox_path, [message])
    except OSError as error:
        raise TransientError(
            f"The entry could not be kept ({error.strerror}); enter it again."
        ) from error
    with write_transaction(engine) as connection:
        connection.execute(
            update(form_entries)
            .where(form_entries.c.entry_key == row.entry_key)
            .values(state="entered", updated_at=now)
        )


def _row(connection: Connection, entry_key: str) -> Row[Any] | None:
    query = select(form_entries).where(form_entries.c.entry_key == entry_key)
    return connection.execute(query).one_or_none()
