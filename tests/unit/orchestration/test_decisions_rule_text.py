"""A rule as text: nothing is lost on the way, and every mistake has its line and column."""

import pytest

from orchestration.decisions.definition import parse_rule
from orchestration.decisions.rule_text import RuleTextError, parse_rule_text, write_rule_text
from orchestration.decisions.rulebook import SHIPPED_RULES, read_rule_folder

LARGE_ORDER = (SHIPPED_RULES / "approve_order_amount.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", read_rule_folder(), ids=lambda rule: rule.rule_id)
def test_text_of_every_shipped_rule_says_the_same(rule):
    assert parse_rule_text(write_rule_text(rule)) == rule


def test_text_is_short_and_keeps_chinese_readable():
    text = write_rule_text(parse_rule_text(LARGE_ORDER))
    assert "null" not in text
    assert "按金额分级审批订单" in text
    assert max(map(len, text.splitlines())) <= 200


def mistake(text: str, old: str, new: str) -> tuple[RuleTextError, str]:
    """The error of a text in which one part was changed, and the text."""
    assert text.count(old) >= 1
    changed = text.replace(old, new, 1)
    with pytest.raises(RuleTextError) as caught:
        parse_rule_text(changed)
    return caught.value, changed


def marked(error: RuleTextError, text: str) -> str:
    """What stands where the error points."""
    return text.splitlines()[error.place.line - 1][error.place.column - 1 :]


@pytest.mark.parametrize(
    ("old", "new", "points_at"),
    [
        ("priority: 50", "priority: 5000", "priority: 5000"),
        ("owner: sales", "ownr: sales", "ownr: sales"),
        ("owner: sales", "owner: sales\nowner: finance", "owner: finance"),
        # inside a folded condition, in its second line
        ("gross_amount > :supervisor_", "gross_amount > :supervisr_", ":supervisr_amount"),
        ("and currency_code = :currency", "and random() = :currency", "random() = :currency"),
        # the condition of a branch, plain on one line
        ("when: gross_amount > :cfo_amount", "when: gross_amount > :cfo", ":cfo"),
        ("create_task, to: chief_financial_officer", "create_task", "{type: create_task}"),
        ("    type: text\n    value: CNY", "    type: integer\n    value: CNY", "currency:"),
        ("key: [order_key]", "key: [order_key", ": {column: created_at"),
    ],
)  # fmt: skip
def test_mistakes_are_shown_where_they_stand(old, new, points_at):
    error, text = mistake(LARGE_ORDER, old, new)
    assert marked(error, text).startswith(points_at)
    assert str(error).startswith(f"Line {error.place.line}, column {error.place.column}: ")
    line, mark = error.pointer.splitlines()
    assert line == text.splitlines()[error.place.line - 1]
    assert len(mark) == error.place.column


def test_quoted_condition_is_pointed_into():
    text = write_rule_text(parse_rule_text(LARGE_ORDER))
    start = text.index("condition:")
    end = text.index("parameters:")
    error, changed = mistake(
        text, text[start:end], "condition: 'order_type = sale and now() > 1'\n"
    )
    assert marked(error, changed).startswith("now()")


@pytest.mark.parametrize("text", ["", "- a list", "just words", "a: b: c", "\tx: 1"])
def test_text_that_is_no_rule_has_a_place(text):
    with pytest.raises(RuleTextError) as caught:
        parse_rule_text(text)
    assert caught.value.place.line >= 1


def test_what_a_form_leaves_out_is_not_written():
    rule = parse_rule_text(LARGE_ORDER)
    data = {**rule.stored(), "decides": None, "branches": []}
    data["parameters"] = {"supervisor_amount": data["parameters"]["supervisor_amount"]}
    data["condition"] = "gross_amount > :supervisor_amount"
    text = write_rule_text(parse_rule(data, where="form"))
    assert "decides" not in text
    assert "branches" not in text
