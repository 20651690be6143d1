"""Signing off a day: who signed what, who was slower, what changed since, and taking it back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from connectors.database.schema import reconciliation_sign_offs
from connectors.errors import InputError
from orchestration.stewardship.sign_offs import changes, find_day, list_days, sign_off, withdraw

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
KEY = ("shop", DAY)


@pytest.fixture
def books(lake: Any) -> Any:
    lake.execute("""
        create table rpt_reconciliation as
        select * from (values
            ('shop', date '2026-11-20', 'payout_bank', 'matched', 'CNY', 3::bigint, 300.10, 300.10),
            ('shop', date '2026-11-20', 'payout_bank', 'unknown', 'CNY', 1::bigint, 50.00, 0.00),
            ('shop', date '2026-11-20', 'payout_bank', 'matched', 'CNY', 2::bigint, 20.00, 20.00),
            ('shop', date '2026-11-19', 'payout_bank', 'matched', 'CNY', 4::bigint, 400.00, 400.00),
            ('else', date '2026-11-20', 'payout_bank', 'matched', 'CNY', 9::bigint, 1.00, 1.00)
        ) as t(business, business_date, comparison, residual_bucket, currency_code, item_count,
            recorded_amount, reported_amount)
    """)
    lake.execute("alter table rpt_reconciliation add column difference_amount decimal(18, 6)")
    lake.execute("update rpt_reconciliation set difference_amount = recorded_amount - "
                 "reported_amount")  # fmt: skip
    return lake


def test_a_day_is_the_sum_of_its_rows_by_bucket(engine: Engine, books: Any) -> None:
    newest, before = list_days(engine, books, "shop", start=date(2026, 11, 1), end=DAY)
    assert (newest.business_date, before.business_date) == (DAY, date(2026, 11, 19))
    assert (newest.item_count, newest.unknown_count, newest.state) == (6, 1, "open")
    told = {one.residual_bucket: (one.item_count, one.difference_amount) for one in newest.figures}
    assert told == {"matched": (5, Decimal(0)), "unknown": (1, Decimal(50))}
    with pytest.raises(InputError, match="Nothing of shop was compared on 2026-11-01"):
        find_day(engine, books, "shop", date(2026, 11, 1))


def test_signing_keeps_name_note_and_publication(engine: Engine, books: Any) -> None:
    with pytest.raises(InputError, match="1 items of 2026-11-20 are unknown; say in a note"):
        sign_off(engine, books, KEY, person="Li", note=" ", now=NOW)
    with pytest.raises(InputError, match="Say who you are"):
        sign_off(engine, books, KEY, person=" ", note="x", now=NOW)
    done = sign_off(engine, books, KEY, person="Li", note="bank called", now=NOW)
    assert done.state == "signed"
    [one] = done.sign_offs
    assert (one.person, one.note, one.signed_at) == ("Li", "bank called", NOW)
    assert one.publication_id == books.publication.publication_id
    assert one.figures == done.figures
    with pytest.raises(InputError, match="Li has signed 2026-11-20 with these figures already"):
        sign_off(engine, books, KEY, person="Li", note="again", now=NOW)
    both = sign_off(engine, books, KEY, person="Wang", note="agreed", now=NOW)
    assert [one.person for one in both.sign_offs] == ["Li", "Wang"]
    assert list_days(engine, books, "else", start=DAY, end=DAY)[0].sign_offs == ()


def test_a_day_that_changes_after_signing_says_so_and_what(engine: Engine, books: Any) -> None:
    seen = find_day(engine, books, *KEY).fingerprint
    sign_off(engine, books, KEY, person="Li", note="fine", now=NOW, seen=seen)
    books.execute("update rpt_reconciliation set residual_bucket = 'timing' where item_count = 1")
    restated = find_day(engine, books, *KEY)
    assert restated.state == "restated"
    found = changes(restated.sign_offs[0], restated.figures)
    assert [(row["residual_bucket"], row["item_count_then"], row["item_count_now"])
            for row in found] == [("timing", 0, 1), ("unknown", 1, 0)]  # fmt: skip
    with pytest.raises(InputError, match="figures of 2026-11-20 changed with publication"):
        sign_off(engine, books, KEY, person="Wang", note="fine", now=NOW, seen=seen)
    again = sign_off(engine, books, KEY, person="Li", note="", now=NOW + timedelta(hours=1))
    assert (again.state, len(again.sign_offs)) == ("signed", 1)
    assert list_days(engine, books, "shop", start=DAY, end=DAY)[0].state == "signed"


def test_a_signature_is_taken_back_by_its_owner_and_never_erased(
    engine: Engine, books: Any
) -> None:
    sign_off(engine, books, KEY, person="Li", note="fine", now=NOW)
    with pytest.raises(InputError, match="Wang has not signed"):
        withdraw(engine, books, KEY, person="Wang", note="no", now=NOW)
    with pytest.raises(InputError, match="needs a reason"):
        withdraw(engine, books, KEY, person="Li", note="", now=NOW)
    assert withdraw(engine, books, KEY, person="Li", note="too early", now=NOW).state == "open"
    assert sign_off(engine, books, KEY, person="Li", note="now", now=NOW).state == "signed"
    with engine.connect() as connection:
        events = connection.execute(reconciliation_sign_offs.select()).all()
    assert [row.event for row in events] == ["signed", "withdrawn", "signed"]
    with pytest.raises(DBAPIError, match=r"append only|refuse|never"), engine.begin() as connection:
        connection.execute(text("delete from reconciliation_sign_offs"))
