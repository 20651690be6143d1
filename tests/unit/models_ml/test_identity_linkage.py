"""Linkage of people and of transactions: figures on labelled data that the matcher never saw."""

from pathlib import Path

import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.identity.linkage import Field, LinkagePlan, link_records
from models_ml.identity.transactions import match_transactions
from tests.benchmarks import identity, reconciliation

_HEAVY = pytest.mark.heavy


@pytest.mark.parametrize(
    "number", [pytest.param(1, marks=_HEAVY), 2, pytest.param(3, marks=_HEAVY)]
)
def test_people_of_febrl_are_found_without_labels(real_data: Path, number: int):
    assert identity.measure(number)["f1"] >= 0.99


def test_payments_of_two_ledgers_are_found_and_better_than_by_ten_lines_of_sql(real_data: Path):
    figures = reconciliation.run()
    assert figures["precision"] >= 0.998
    assert figures["recall"] >= 0.985
    assert figures["recall"] > figures["heuristic_recall"]
    assert figures["seconds"] < 60


def _ledger(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["transaction_id", "booked_on", "amount", "memo"])


def _trade(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Payments of `count` people with different amounts, each arriving a day later."""
    day = pd.Timestamp("2024-01-01")
    names = [f"{'ABCDEFGHIJ'[n % 10]}{n:04} PAYMENT {n}" for n in range(count)]
    rows = [(str(n), day + pd.Timedelta(days=n % 60), 100 + 7.13 * n) for n in range(count)]
    sent = [(f"o{i}", str(d.date()), a, m) for (i, d, a), m in zip(rows, names, strict=True)]
    got = [
        (f"d{i}", str((d + pd.Timedelta(days=1 + n % 2)).date()), a if n % 3 else a * 0.99, m)
        for n, ((i, d, a), m) in enumerate(zip(rows, names, strict=True))
    ]
    return _ledger(*sent), _ledger(*got)


def test_each_transaction_has_one_partner_and_says_by_how_much():
    origin, destination = _trade(600)
    found = match_transactions(origin, destination)
    assert found["origin_id"].is_unique
    assert found["destination_id"].is_unique
    assert (found["origin_id"].str[1:] == found["destination_id"].str[1:]).mean() > 0.99
    assert found["days_apart"].between(0, 31).all()
    again = match_transactions(
        origin.sample(frac=1, random_state=1), destination.sample(frac=1, random_state=2)
    )
    key = ["origin_id", "destination_id"]
    pd.testing.assert_frame_equal(found[key], again[key])


def test_an_empty_ledger_matches_nothing_and_a_repeated_id_is_named():
    origin, destination = _trade(3)
    assert match_transactions(origin.head(0), destination).empty
    with pytest.raises(FrameError, match="share their transaction_id"):
        match_transactions(pd.concat([origin, origin]), destination)


_PLAN = LinkagePlan(
    fields=(
        Field(name="name", kind="person_name", columns=("given", "family")),
        Field(name="phone", kind="phone", columns=("phone",)),
        Field(name="email", kind="email", columns=("email",)),
    ),
    blocking=(("family",), ("given",), ("right(phone, 4)",), ("email",)),
    training=(("right(phone, 4)",), ("email",)),
    anchors=(("email",),),
    anchor_recall=0.5,
    most_random_pairs=100_000,
)


def test_masked_phones_and_swapped_names_are_evidence_field_by_field():
    people = [
        (f"G{n % 31}x", f"F{n % 37}y", f"13{n % 10}{50_000_000 + n * 7919}", f"u{n}@mail{n % 9}.cn")
        for n in range(400)
    ]
    rows = [(f"a{n}", *person) for n, person in enumerate(people)]
    for n, (given, family, phone, email) in enumerate(people[:200]):
        swapped = (family, given) if n % 2 else (given, family)
        rows.append((f"b{n}", *swapped, f"{phone[:3]}****{phone[-4:]}", email if n % 4 else ""))
    records = pd.DataFrame(rows, columns=["record_id", "given", "family", "phone", "email"])
    found = link_records(records, _PLAN, least_probability=0.9)
    linked = set(zip(found["record_a"], found["record_b"], strict=True))
    true = {(f"a{n}", f"b{n}") for n in range(200)}
    assert len(linked & true) / len(linked) > 0.98
    assert len(linked & true) / len(true) > 0.95
    evidence = found.set_index(["record_a", "record_b"])["evidence"]
    assert "name: given and family name swapped" in evidence[("a1", "b1")]
    assert "phone: same visible digits" in evidence[("a1", "b1")]
    assert "email" not in evidence.get(("a4", "b4"), "")


def test_one_record_has_nobody_to_be_linked_to():
    records = pd.DataFrame(
        {"record_id": ["a"], "given": ["x"], "family": ["y"], "phone": [""], "email": [""]}
    )
    assert link_records(records, _PLAN, least_probability=0.5).empty
