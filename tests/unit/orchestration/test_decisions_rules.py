"""Rules are data: what YAML may say, how versions grow, and what the shipped rules find."""

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import Engine

from connectors.errors import InputError
from connectors.sinks.platform import TARGETS
from orchestration.decisions.definition import RuleDefinition, parse_rule, read_rule
from orchestration.decisions.definition_parts import SinkName
from orchestration.decisions.evaluation import decision_key, evaluate_rule
from orchestration.decisions.messages import render_field, render_message
from orchestration.decisions.proposals import Evaluation
from orchestration.decisions.rulebook import (
    SHIPPED_RULES,
    RuleChangedError,
    list_rules,
    read_rule_folder,
    roll_back_rule,
    rule_history,
    save_rule,
    seed_rules,
    switch_rule,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
LARGE_ORDER = SHIPPED_RULES / "alert_large_order.yml"


def raw(**changes: object) -> dict[str, object]:
    data = yaml.safe_load(LARGE_ORDER.read_text(encoding="utf-8"))
    return {**data, **changes}


def rule(**changes: object) -> RuleDefinition:
    return parse_rule(raw(**changes), where="test rule")


def shipped(rule_id: str) -> RuleDefinition:
    return read_rule(SHIPPED_RULES / f"{rule_id}.yml")


def evaluate(definition: RuleDefinition, lake: object) -> Evaluation:
    return evaluate_rule(definition, lake, zone=ZONE)


def subjects(evaluation: Evaluation) -> list[str]:
    assert evaluation.errors == ()
    return [proposal.subject for proposal in evaluation.proposals]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sorce_table": "x"}, "the key sorce_table is unknown; did you mean source_table?"),
        ({"nonsense": 1}, "known are"),
        ({"window": {"colum": "created_at", "column": "a", "days": 2}}, "did you mean column?"),
        ({"parameters": {"x": {"typ": "text"}}}, "did you mean type?"),
        ({"kind": "approve"}, "kind"),
        ({"sinks": ["pigeon"]}, "sinks"),
        ({"sinks": []}, "sinks"),
        ({"key": []}, "key"),
        ({"source_table": "fct_orders; drop"}, "small letters"),
        ({"name": {"en": "only"}}, "the key name.zh is missing"),
        ({"condition": "gross_amount > (select 1)"}, "not allowed"),
        ({"condition": "gross_amount > :amount_threshold"}, "currency is not used"),
        ({"currency_column": None}, "belong together"),
        ({"message": {"en": "{order_nr}", "zh": "x"}}, "did you mean order_no?"),
        ({"message": {"en": "x", "zh": "{order_no!r}"}}, "more than a name"),
        ({"message": {"en": "x", "zh": "{order_no.x}"}}, "more than a name"),
        ({"message": {"en": "x {", "zh": "x"}}, "cannot be read"),
        ({"message": {"en": "{tracking_link}", "zh": "x"}, "key": ["channel"]}, "add order_key"),
        ({"cooldown_days": -1}, "cooldown_days"),
    ],
)  # fmt: skip
def test_wrong_definition_is_one_sentence_with_the_nearest_right_key(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        rule(**changes)
    assert says in str(caught.value)
    assert str(caught.value).startswith("The test rule")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("integer", "many"), ("decimal", "NaN"), ("decimal", True), ("date", "soon"), ("boolean", 1)],
)
def test_parameter_value_must_fit_its_type(kind: str, value: object) -> None:
    label = {"en": "a", "zh": "b"}
    with pytest.raises(InputError, match=f"not of type {kind}"):
        rule(
            condition="gross_amount = :x",
            parameters={"x": {"type": kind, "value": value, "label": label}},
        )


def test_decimal_parameters_are_exact_through_yaml_and_json() -> None:
    definition = shipped("alert_channel_orders_low")
    again = parse_rule(definition.stored(), where="stored rule")
    assert again == definition
    assert again.parameters["share_of_expected"].bound() == Decimal("0.5")


def test_file_that_is_no_yaml_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.yml"
    path.write_text("rule_id: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.yml"):
        read_rule(path)
    path.write_text("just text", encoding="utf-8")
    with pytest.raises(InputError, match="mapping"):
        read_rule(path)


def test_two_files_may_not_define_one_rule(tmp_path: Path) -> None:
    shutil.copy(LARGE_ORDER, tmp_path / "a.yml")
    shutil.copy(LARGE_ORDER, tmp_path / "b.yml")
    with pytest.raises(InputError, match="twice"):
        read_rule_folder(tmp_path)


def test_seeding_again_adds_no_version(engine: Engine) -> None:
    first = seed_rules(engine, now=NOW)
    assert first.added == tuple(shipped.rule_id for shipped in read_rule_folder())
    assert seed_rules(engine, now=NOW) == seed_rules(engine, now=NOW)
    assert {found.version for found in list_rules(engine)} == {1}
    assert [found.rule_id for found in list_rules(engine)] == sorted(first.added)


def changed_folder(tmp_path: Path, **changes: object) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir(exist_ok=True)
    text = yaml.safe_dump(raw(**changes), allow_unicode=True)
    (folder / LARGE_ORDER.name).write_text(text, encoding="utf-8")
    return folder


def test_changed_shipped_rule_is_the_next_version(engine: Engine, tmp_path: Path) -> None:
    seed_rules(engine, now=NOW)
    folder = changed_folder(tmp_path, description="Another text.")
    assert seed_rules(engine, folder=folder, now=NOW).updated == ("alert_large_order",)
    history = rule_history(engine, "alert_large_order")
    assert [(v.version, v.origin) for v in history] == [(2, "shipped"), (1, "shipped")]
    back = seed_rules(engine, now=NOW)
    assert back.updated == ("alert_large_order",)
    assert rule_history(engine, "alert_large_order")[0].version == 3


def test_switching_off_survives_an_upgrade(engine: Engine, tmp_path: Path) -> None:
    seed_rules(engine, now=NOW)
    off = rule(mode="disabled")
    assert save_rule(engine, off, author="Li", reason="too many", now=NOW) == 2
    assert save_rule(engine, off, author="Li", reason="again", now=NOW) == 2
    assert seed_rules(engine, now=NOW).updated == ()
    seed_rules(engine, folder=changed_folder(tmp_path, description="New."), now=NOW)
    newest = rule_history(engine, "alert_large_order")[0]
    assert (newest.version, newest.definition.mode) == (3, "disabled")


def test_edit_of_a_person_is_kept_and_reported(engine: Engine, tmp_path: Path) -> None:
    seed_rules(engine, now=NOW)
    save_rule(engine, rule(description="Ours."), author="Li", reason="clearer", now=NOW)
    report = seed_rules(engine, folder=changed_folder(tmp_path, description="Theirs."), now=NOW)
    assert report.kept_edits == ("alert_large_order",)
    newest = rule_history(engine, "alert_large_order")[0]
    assert (newest.definition.description, newest.author, newest.reason) == (
        "Ours.",
        "Li",
        "clearer",
    )


def test_edit_needs_author_and_reason(engine: Engine) -> None:
    with pytest.raises(InputError, match="author and a reason"):
        save_rule(engine, rule(), author=" ", reason="x")


def test_whoever_looked_at_an_older_version_is_told_who_was_faster(engine: Engine) -> None:
    seed_rules(engine, now=NOW)
    mine = shipped("alert_large_order").model_copy(update={"priority": 7})
    theirs = mine.model_copy(update={"priority": 8})
    assert save_rule(engine, theirs, author="Li", reason="busy week", based_on=1, now=NOW) == 2
    with pytest.raises(RuleChangedError, match=r"Li was faster: version 2 .*busy week") as caught:
        save_rule(engine, mine, author="Wang", reason="quiet week", based_on=1)
    assert caught.value.newest == 2
    for late in (
        lambda: switch_rule(
            engine, mine.rule_id, "shadow", author="Wang", reason="try", based_on=1
        ),
        lambda: roll_back_rule(
            engine, mine.rule_id, to_version=1, author="Wang", reason="back", based_on=1
        ),
        lambda: save_rule(engine, mine, author="Wang", reason="a new rule", based_on=0),
    ):
        with pytest.raises(RuleChangedError):
            late()
    assert [one.version for one in rule_history(engine, mine.rule_id)] == [2, 1]
    assert save_rule(engine, mine, author="Wang", reason="after a look", based_on=2) == 3


def test_new_rule_needs_a_name_of_its_own(engine: Engine) -> None:
    seed_rules(engine, now=NOW)
    fresh = rule(rule_id="alert_huge_order")
    assert save_rule(engine, fresh, author="Li", reason="huge ones apart", based_on=0) == 1
    gone = rule(rule_id="alert_nobody")
    with pytest.raises(RuleChangedError, match="no rule alert_nobody any more"):
        save_rule(engine, gone, author="Li", reason="edited", based_on=3)


def test_large_orders_of_each_source_newest_days_are_found(retail_lake: object) -> None:
    found = evaluate(shipped("alert_large_order"), retail_lake)
    assert subjects(found) == ['{"order_key":"tmall:7"}', '{"order_key":"sandbox:1"}']
    order = found.proposals[1]
    assert (order.amount, order.currency_code) == (Decimal("10000.00"), "CNY")
    assert order.occurrence == "once"
    assert order.explanation["amount_threshold"] == "10000"
    assert order.explanation["gross_amount"] == "10000.00"
    assert order.explanation["created_at"] == "2026-11-21T09:00:00+00:00"
    assert "created 2026-11-21 17:00, is worth 10,000.00 CNY" in order.message["en"]
    assert "达到或超过 10,000" in order.message["zh"]


def test_channel_far_below_expectation_is_found(retail_lake: object) -> None:
    found = evaluate(shipped("alert_channel_orders_low"), retail_lake)
    assert subjects(found) == [
        '{"business":"fourflow_demo","channel":"pos","business_date":"2026-11-20"}'
    ]
    assert found.proposals[0].message["en"] == (
        "pos had 9 orders on 2026-11-20, expected 20: below the share of 0.5."
    )
    assert found.proposals[0].amount is None


def test_stock_below_reorder_point_is_found(retail_lake: object) -> None:
    found = evaluate(shipped("replenish_below_reorder_point"), retail_lake)
    assert subjects(found) == ['{"business":"fourflow_demo","site":"wh_east","sku":"A"}']
    proposal = found.proposals[0]
    assert proposal.occurrence == "2026-11-20"
    assert proposal.occurred_at == datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    assert proposal.cooldown_days == 5
    assert proposal.amount == Decimal("1200.00")
    assert (
        proposal.message["en"] == "Order 96 of A for wh_east: forecast 63 ± 18 over 12 days → 96."
    )
    assert proposal.message["zh"] == "建议为 wh_east 补货 A 共 96 件：12 天预测 63 ± 18 → 96。"


@pytest.mark.parametrize(
    "definition",
    [found for found in read_rule_folder() if found.is_active],
    ids=lambda found: found.rule_id,
)
def test_missing_or_empty_table_is_said_and_skipped(
    lake: object, retail_lake: object, definition: RuleDefinition
) -> None:
    retail_lake.execute(f"delete from {definition.source_table}")
    empty = evaluate(definition, retail_lake)
    retail_lake.execute(f"drop table {definition.source_table}")
    missing = evaluate(definition, retail_lake)
    assert "is empty" in empty.skipped
    assert "is not published" in missing.skipped
    assert empty.errors == missing.errors == empty.proposals == missing.proposals == ()


def test_missing_column_is_an_error_of_the_rule(retail_lake: object) -> None:
    retail_lake.execute("alter table fct_orders rename order_no to order_number")
    error = evaluate(rule(), retail_lake).errors[0]
    assert "alert_large_order needs the column order_no, which fct_orders does not have" in error


def test_unknown_column_of_a_condition_is_an_error_of_the_rule(retail_lake: object) -> None:
    definition = rule(condition="gros_amount >= :amount_threshold and currency_code = :currency")
    assert "did you mean gross_amount?" in evaluate(definition, retail_lake).errors[0]


def test_types_that_do_not_fit_are_an_error_of_the_rule(retail_lake: object) -> None:
    definition = rule(condition="order_key > :amount_threshold and created_at = :currency")
    assert "alert_large_order failed on fct_orders" in evaluate(definition, retail_lake).errors[0]


def test_empty_message_variable_is_an_error_of_that_row_only(retail_lake: object) -> None:
    retail_lake.execute("update fct_orders set order_no = null where order_key = 'sandbox:1'")
    found = evaluate(rule(), retail_lake)
    assert [p.subject for p in found.proposals] == ['{"order_key":"tmall:7"}']
    assert "{order_no}, which is empty" in found.errors[0]


def test_empty_key_is_an_error_of_that_row_only(retail_lake: object) -> None:
    retail_lake.execute("update fct_orders set order_key = null where order_key = 'sandbox:1'")
    found = evaluate(rule(), retail_lake)
    assert len(found.proposals) == 1
    assert "without order_key" in found.errors[0]


def test_rule_without_a_window_reads_everything_and_knows_the_publication(
    retail_lake: object,
) -> None:
    definition = rule(
        window=None,
        condition="gross_amount >= :amount_threshold and currency_code = :currency"
        " and created_at < :published_at - interval 30 day",
    )
    found = evaluate(definition, retail_lake)
    assert set(subjects(found)) == {'{"order_key":"tmall:7"}', '{"order_key":"tmall:8"}'}
    assert found.proposals[0].occurred_at == retail_lake.publication.published_at


def test_parameters_are_bound_not_pasted(retail_lake: object) -> None:
    parameters = raw()["parameters"]
    parameters["currency"]["value"] = "x' or 'a' = 'a"
    assert subjects(evaluate(rule(parameters=parameters), retail_lake)) == []


def test_decision_keys_are_deterministic_and_distinct() -> None:
    key = decision_key("r", '{"order_key":"1"}', "once")
    assert key == decision_key("r", '{"order_key":"1"}', "once")
    assert len({key, decision_key("r2", '{"order_key":"1"}', "once"),
                decision_key("r", '{"order_key":"2"}', "once"),
                decision_key("r", '{"order_key":"1"}', "2026-11-21")}) == 4  # fmt: skip
    assert len(key) == 64


def test_messages_show_values_as_people_write_them() -> None:
    values = {
        "amount": Decimal("1234567.50"), "count": 1200, "rate": 63.04, "whole": 20.0, "flag": True,
        "day": NOW.date(), "at": NOW, "text": "天猫 {x}",
    }  # fmt: skip
    template = "{amount} {count} {rate} {whole} {flag} {day} {at} {text} {{literal}}"
    assert render_message(template, values, zone=ZONE) == (
        "1,234,567.50 1,200 63 20 true 2026-11-21 2026-11-21 20:00 天猫 {x} {literal}"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1200.50"), "1200.50"), (Decimal("1E+3"), "1000"), (1_234_567, "1234567"),
        (0.5, "0.5"), (True, "true"), (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 8, tzinfo=ZoneInfo("Asia/Shanghai")), "2026-01-02T00:00:00+00:00"),
        ("1,200", "1,200"),
    ],
)  # fmt: skip
def test_fields_are_written_for_systems_and_not_for_people(value: object, written: str) -> None:
    assert render_field("{it}", {"it": value}) == written


def test_rules_may_name_every_target() -> None:
    assert set(TARGETS) <= set(get_args(SinkName))


def test_options_cost_in_the_currency_of_the_budget() -> None:
    coupon = shipped("coupon_late_delivery")
    assert coupon.budget is not None
    whole = coupon.model_dump(mode="json")
    option = {
        "name": "more", "label": {"en": "More", "zh": "更多"}, "currency": "USD",
        "cost_parameter": coupon.budget.cost_parameter, "actions": whole["actions"],
    }  # fmt: skip
    with pytest.raises(ValueError, match="option more costs USD and the budget is in CNY"):
        RuleDefinition.model_validate(whole | {"options": [option]})
