"""Merging and splitting customers: evidence, labels, who was slower, what stands against it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from connectors.database.schema import identity_decisions
from connectors.errors import InputError
from orchestration.stewardship.identities import list_decisions, merge, pair_evidence, split, undo

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)  # after the publication of the fixture
LATER = NOW + timedelta(minutes=5)
BY = {"person": "Li", "reason": "she called"}


@pytest.fixture
def people(lake: Any) -> Any:
    """Anna has a shop's and an app's account and, wrongly, her sister's; Emil has two apart."""
    lake.execute("""
        create table person_accounts as
        select customer_key, person_key, business, name_token, phone_token, email_token
        from (values
            ('anna_app', 'anna_shop', 'shop', 'N1', 'P1', null),
            ('anna_shop', 'anna_shop', 'shop', 'N1', 'P1', 'E1'),
            ('sister', 'anna_shop', 'shop', 'N2', 'P1', null),
            ('emil_1', 'emil_1', 'shop', 'N3', 'P2', null),
            ('emil_2', 'emil_2', 'shop', 'N3', 'P3', null),
            ('stranger', 'stranger', 'else', 'N3', 'P3', null)
        ) as t(customer_key, person_key, business, name_token, phone_token, email_token)
    """)
    lake.execute("""
        create table dim_customers as
        select
            customer_key, 'web' as source, 'web' as channel, null::varchar as province,
            null::timestamptz as registered_at, null::timestamptz as first_order_at,
            null::timestamptz as last_order_at, 2 as rfm_frequency,
            19.90::decimal(18, 2) as rfm_monetary, 'CNY' as currency_code,
            null::varchar as rfm_segment
        from person_accounts
    """)
    lake.execute("""
        create table fct_identity_links as
        select * from (values
            ('anna_app', 'anna_shop', 'phone_and_name', 0.999::decimal(9, 8), 'phone, name: same',
                true, null::varchar),
            ('anna_shop', 'sister', 'phone', 0.96::decimal(9, 8), 'phone: same', true, null)
        ) as t(customer_key_a, customer_key_b, rule, match_probability, evidence, is_used,
            refused_because)
    """)
    return lake


def test_evidence_has_both_accounts_and_what_lies_between_their_people(
    engine: Engine, people: Any
) -> None:
    found = pair_evidence(engine, people, ("sister", "anna_app"))
    assert [one.customer_key for one in found.accounts] == ["sister", "anna_app", "anna_shop"]
    assert found.agreement == {"name": "different", "phone": "same", "email": "unknown"}
    assert [one.rule for one in found.links] == ["phone_and_name", "phone"]
    assert (found.is_one_person, found.newest) == (True, 0)
    with pytest.raises(InputError, match=r"no customer account nobody .* person_accounts"):
        pair_evidence(engine, people, ("sister", "nobody"))
    with pytest.raises(InputError, match="stranger of else; people are known within"):
        pair_evidence(engine, people, ("emil_1", "stranger"))
    with pytest.raises(InputError, match="the same account"):
        pair_evidence(engine, people, ("emil_1", "emil_1"))


def test_merging_keeps_a_label_of_what_was_known(engine: Engine, people: Any) -> None:
    with pytest.raises(InputError, match="Say why"):
        merge(engine, people, ("emil_2", "emil_1"), person="Li", reason=" ", now=NOW)
    with pytest.raises(InputError, match="Say who you are"):
        merge(engine, people, ("emil_2", "emil_1"), person=" ", reason="x", now=NOW)
    with pytest.raises(InputError, match="one person already"):
        merge(engine, people, ("anna_app", "sister"), **BY, now=NOW)
    act = merge(engine, people, ("emil_2", "emil_1"), **BY, now=NOW)
    [made] = list_decisions(engine, people)
    assert (made.act_id, made.customer_key_a, made.customer_key_b) == (act, "emil_1", "emil_2")
    assert (made.decision, made.effect, made.reason) == ("same", "waiting", "she called")
    with engine.connect() as connection:
        [row] = connection.execute(identity_decisions.select()).all()
    assert row.publication_id == people.publication.publication_id
    assert row.evidence["agreement"] == {"name": "same", "phone": "different", "email": "unknown"}
    amounts = [Decimal(one["net_amount"]) for one in row.evidence["accounts"]]
    assert amounts == [Decimal("19.90")] * 2
    with pytest.raises(InputError, match="Li decided that at 2026-11-21 13:00 UTC already"):
        merge(engine, people, ("emil_1", "emil_2"), person="Wu", reason="again", now=LATER)
    people.execute("update person_accounts set person_key = 'emil_1' where name_token = 'N3'")
    assert [one.effect for one in list_decisions(engine, people)] == ["in_force"]


def test_splitting_parts_each_leaving_account_from_each_that_stays(
    engine: Engine, people: Any
) -> None:
    with pytest.raises(InputError, match="would have no account left"):
        split(engine, people, ["anna_app", "anna_shop", "sister"], **BY, now=NOW)
    with pytest.raises(InputError, match="several people's"):
        split(engine, people, ["anna_app", "emil_1"], **BY, now=NOW)
    act = split(engine, people, ["sister"], **BY, now=NOW)
    made = list_decisions(engine, people)
    assert {(one.customer_key_a, one.customer_key_b) for one in made} == {
        ("anna_app", "sister"), ("anna_shop", "sister"),
    }  # fmt: skip
    assert {(one.act_id, one.decision) for one in made} == {(act, "different")}


def test_a_merge_that_an_earlier_split_forbids_names_it(engine: Engine, people: Any) -> None:
    act = split(engine, people, ["sister"], **BY, now=NOW)
    people.execute("update person_accounts set person_key = 'sister' where name_token = 'N2'")
    people.execute("update person_accounts set person_key = 'emil_1' where customer_key like 'em%'")
    split(engine, people, ["emil_2"], **BY, now=NOW)
    with pytest.raises(InputError, match=f"anna_app and sister are different .* undo {act} first"):
        merge(engine, people, ("anna_shop", "sister"), **BY, now=LATER)
    undo(engine, people, act, person="Wu", reason="a mistake", now=LATER)
    merge(engine, people, ("anna_shop", "sister"), **BY, now=LATER)


def test_whoever_was_slower_is_told_who_was_faster(engine: Engine, people: Any) -> None:
    seen = pair_evidence(engine, people, ("emil_1", "emil_2")).newest
    merge(engine, people, ("emil_1", "emil_2"), **BY, now=NOW, seen=seen)
    with pytest.raises(InputError, match="Li was faster: emil_1 and emil_2 were called same"):
        merge(engine, people, ("emil_2", "emil_1"), person="Wu", reason="x", now=LATER, seen=seen)


def test_undoing_is_a_row_and_an_earlier_decision_holds_again(engine: Engine, people: Any) -> None:
    first = merge(engine, people, ("emil_1", "emil_2"), **BY, now=NOW)
    people.execute("update person_accounts set person_key = 'emil_1' where customer_key like 'em%'")
    second = split(engine, people, ["emil_2"], **BY, now=LATER)
    effects = {one.act_id: one.effect for one in list_decisions(engine, people)}
    assert effects == {first: "replaced", second: "waiting"}
    with pytest.raises(InputError, match="no act nothing"):
        undo(engine, people, "nothing", person="Wu", reason="x", now=LATER)
    undo(engine, people, second, person="Wu", reason="wrong sister", now=LATER)
    effects = {one.act_id: one.effect for one in list_decisions(engine, people)}
    assert effects == {first: "in_force", second: "undone"}
    with pytest.raises(InputError, match="Wu undid"):
        undo(engine, people, second, person="Li", reason="x", now=LATER)
    with pytest.raises(DBAPIError, match=r"append only|refuse|never"), engine.begin() as connection:
        connection.execute(text("delete from identity_decisions"))
