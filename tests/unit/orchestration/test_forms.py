"""Forms: what their files may say, what is taken and refused, and that an entry is kept once."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.database.engine import open_database
from connectors.errors import ForbiddenError, InputError, TransientError
from connectors.inbox.segments import read_segment, sealed_segments
from connectors.settings import Settings, load_settings
from orchestration.access.viewer import Viewer
from orchestration.forms import entering
from orchestration.forms.definition import Form
from orchestration.forms.entering import Entering, EntryUsedError, enter, hand_over_rest
from orchestration.forms.library import SHIPPED_FORMS, find_form, load_forms, read_form
from orchestration.forms.problems import Problem
from orchestration.forms.validation import Answers, RefusedEntryError, validate

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
VARIANCE: dict[str, Any] = {
    "site": "WH1",
    "counted_on": "2026-11-23",
    "lines": [{"sku": "TEA", "expected": 4, "counted": "3", "reason": "lost"}],
}
REQUEST: dict[str, Any] = {
    "subject": "Shelf", "amount": "1200.5", "currency_code": "CNY", "reason": "The old one broke",
}  # fmt: skip


def nothing(sql: str, params: Any) -> list[dict[str, Any]]:
    """A lake without a publication."""
    del sql, params
    return []


def lists(*known: str) -> Any:
    """A publication that lists these articles, sites and customers."""

    def read(sql: str, params: Any) -> list[dict[str, Any]]:
        del sql
        if "values" not in params:
            return [{"one": 1}]
        return [{"value": one} for one in params["values"] if one in known]

    return read


def shipped(name: str) -> Form:
    return read_form(SHIPPED_FORMS / f"{name}.yml")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", config="none")


def refusals(form: Form, filled: dict[str, Any], read: Any = nothing) -> list[tuple[Any, ...]]:
    with pytest.raises(RefusedEntryError) as refused:
        validate(form, filled, read)
    for problem in refused.value.problems:
        assert "{" not in problem.sentence("en") + problem.sentence("zh")
    return [(one.code, one.field_name, one.line) for one in refused.value.problems]


# What a form's file may say.


@pytest.mark.parametrize("path", sorted(SHIPPED_FORMS.glob("*.yml")), ids=lambda path: path.stem)
def test_shipped_forms_are_forms(path: Path):
    assert read_form(path).owner


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("stock_variance", {"ownr": "x"}, r"line \d+: unknown key `ownr`, did you mean owner"),
        ("stock_variance", {"target": {"kind": "orders"}}, "`target.kind`"),
        ("stock_variance", {"version": 0}, "`version`"),
        ("stock_variance", {"fields.0.type": "number"}, "`fields.0.type`"),
        ("stock_variance", {"fields.0.minimum": 1}, "site is no number"),
        ("stock_variance", {"fields.0.name": "sku"}, "there are two fields sku"),
        ("stock_variance", {"fields.0.label": {"en": "Site"}}, "key `zh` is missing"),
        ("stock_variance", {"checks.0.must": "countd <> 1"}, "did you mean counted"),
        ("stock_variance", {"checks.0.must": "counted"}, "neither true nor false"),
        ("stock_variance", {"checks.0.must": "read_text('x') = 'y'"}, "read_text is not allowed"),
        ("stock_variance", {"checks.0.must": "counted in (select 1)"}, "IN needs a list"),
        ("stock_variance", {"checks.0.field": "count"}, "there is no field count"),
        (
            "stock_variance",
            {"checks.0.must": "counted_on > 5", "checks.0.field": "counted_on"},
            "can't be computed",
        ),
        ("stock_variance", {"checks.0.must": "site = 'x'"}, "is not of the lines"),
        ("stock_variance", {"target": {"kind": "document", "may_price": True}}, "only an order"),
        ("approval_request", {"fields.1.currency_field": None}, "money needs a currency"),
        ("approval_request", {"fields.1.currency_field": "curency"}, "did you mean currency_code"),
        ("approval_request", {"fields.0.pattern": "("}, "not a regular expression"),
        ("approval_request", {"fields.1.maximum": "0.001"}, "minimum above its maximum"),
        ("manual_order", {"fields.0.name": "customer"}, "did you mean customer_key"),
        ("manual_order", {"lines.fields.1.minimum": None}, "quantity of an order needs a minimum"),
        ("manual_order", {"lines": None}, "its lines needs a required field sku"),
        ("manual_order", {"name": "other"}, "call the file other.yml"),
    ],
)
def test_what_a_file_gets_wrong_is_named(tmp_path: Path, name: str, change: Any, says: str):
    content = yaml.safe_load((SHIPPED_FORMS / f"{name}.yml").read_text(encoding="utf-8"))
    for place, value in change.items():
        *parents, key = place.split(".")
        part = content
        for one in parents:
            part = part[int(one) if one.isdigit() else one]
        part[int(key) if key.isdigit() else key] = value
    path = tmp_path / f"{name}.yml"
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as refused:
        read_form(path)
    assert str(path) in str(refused.value)


def test_own_forms_stand_beside_and_before_the_shipped_ones(home: Settings):
    own = home.root / "forms"
    own.mkdir(parents=True)
    variance = (SHIPPED_FORMS / "stock_variance.yml").read_text(encoding="utf-8")
    (own / "stock_variance.yml").write_text(variance.replace("version: 1", "version: 7"))
    (own / "visit.yml").write_text(
        "name: visit\nowner: sales\nroles: [clerk]\ntitle: {en: Visit, zh: 拜访}\n"
        "target: {kind: document}\n"
        "fields: [{name: who, type: text, required: true, label: {en: Who, zh: 谁}}]\n"
    )
    forms = load_forms(home)
    assert list(forms) == ["approval_request", "manual_order", "stock_variance", "visit"]
    assert forms["stock_variance"].version == 7
    clerk, reader = (Viewer("li", role, ("*",), ("*",)) for role in ("clerk", "reader"))
    assert find_form(home, "visit", clerk).name == "visit"
    with pytest.raises(ForbiddenError, match="not for your role reader"):
        find_form(home, "visit", reader)
    with pytest.raises(InputError, match="did you mean visit"):
        find_form(home, "vist", reader)
    (home.root / "access.yml").write_text("roles: {reader: {pages: ['*']}}\n")
    with pytest.raises(InputError, match=r"visit\.yml: there is no role clerk"):
        load_forms(home)


# What is taken and refused.


def test_values_are_exact():
    answers = validate(shipped("approval_request"), {**REQUEST, "amount": "1200.5"}, nothing)
    assert str(answers.entry["amount"]) == "1200.50"
    answers = validate(shipped("approval_request"), {**REQUEST, "amount": Decimal("0.1")}, nothing)
    assert answers.entry["amount"] == Decimal("0.10")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"amount": 0.1}, ("not_text", "amount", None)),
        ({"amount": "1e3"}, ("money", "amount", None)),
        ({"amount": "1,200"}, ("money", "amount", None)),
        ({"amount": "0.001"}, ("money", "amount", None)),
        ({"amount": "0"}, ("minimum", "amount", None)),
        ({"amount": Decimal("NaN")}, ("money", "amount", None)),
        ({"amount": Decimal("1E+999999999")}, ("money", "amount", None)),
        ({"amount": True}, ("not_text", "amount", None)),
        ({"amount": " "}, ("required", "amount", None)),
        ({"needed_on": "2026-02-30"}, ("date", "needed_on", None)),
        ({"needed_on": "30.11.2026"}, ("date", "needed_on", None)),
        ({"currency_code": "yuan"}, ("pattern", "currency_code", None)),
        ({"subject": "x" * 201}, ("too_long", "subject", None)),
        ({"subject": "a\x00b"}, ("control", "subject", None)),
        ({"subject": ["a"]}, ("not_text", "subject", None)),
        ({"colour": "red"}, ("unknown_field", None, None)),
        ({"lines": [{}]}, ("no_lines", None, None)),
    ],
)
def test_what_is_no_value_is_refused_beside_its_field(change: Any, problem: Any):
    assert refusals(shipped("approval_request"), {**REQUEST, **change}) == [problem]


def counted(expected: int, found: int, reason: str) -> dict[str, Any]:
    return {"sku": "TEA", "expected": expected, "counted": found, "reason": reason}


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ([], [("too_few_lines", None, None)]),
        ("TEA", [("lines", None, None), ]),
        ([counted(1, 1, "lost")], [("check", "counted", 1)]),
        ([counted(2, 1, "found")], [("check", "reason", 1)]),
        ([counted(2, 1, "other")], [("check", "remark", 1)]),
        ([counted(2, 1, "eaten")], [("choice", "reason", 1)]),
        ([VARIANCE["lines"][0], {"sku": "TEA"}],
         [("required", "expected", 2), ("required", "counted", 2), ("required", "reason", 2)]),
        ([VARIANCE["lines"][0]] * 201, [("too_many_lines", None, None)]),
        ([{**VARIANCE["lines"][0], "counted": -1}], [("minimum", "counted", 1)]),
    ],
)  # fmt: skip
def test_lines_are_judged_each_for_itself(lines: Any, problems: Any):
    assert refusals(shipped("stock_variance"), {**VARIANCE, "lines": lines}) == problems


def test_what_the_publication_does_not_list_is_refused_unless_it_lists_nothing():
    form = shipped("stock_variance")
    assert refusals(form, VARIANCE, lists("WH1", "CUP")) == [("unknown_sku", "sku", 1)]
    assert refusals(form, VARIANCE, lists("TEA")) == [("unknown_site", "site", None)]
    assert validate(form, VARIANCE, lists("WH1", "TEA")).lines[0]["counted"] == 3


WRITTEN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(max_size=30),
    st.sampled_from(["WH1", "TEA", "3", "2026-11-23", "lost", "-0", "１２", "1_000", "12\n", "∞"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
)  # fmt: skip
LINE = st.dictionaries(
    st.sampled_from(["sku", "expected", "counted", "reason", "remark", "x", ""]), WRITTEN
)
FILLED = st.dictionaries(st.sampled_from(["site", "counted_on", "lines", "y"]), WRITTEN).flatmap(
    lambda entry: st.one_of(
        st.just(entry), st.lists(LINE, max_size=3).map(lambda lines: {**entry, "lines": lines})
    )
)


@settings(max_examples=150, deadline=None)
@given(filled=FILLED)
def test_whatever_is_filled_in_is_taken_exactly_or_refused_in_words(filled: dict[str, Any]):
    refused: tuple[Problem, ...] = ()
    answers = Answers({})
    try:
        answers = validate(shipped("stock_variance"), filled, nothing)
    except RefusedEntryError as error:
        refused = error.problems
        str(error).encode()  # what is told can be printed
    assert bool(refused) != bool(answers.entry)
    assert all(one.sentence("zh") and one.sentence("en") for one in refused)
    for line, told in zip(answers.lines, filled["lines"] if answers.lines else [], strict=True):
        assert line["counted"] == int(str(told["counted"]))
        assert line["counted"] != line["expected"]


# What becomes of an entry.


def kept(settings: Settings) -> list[dict[str, Any]]:
    paths = sealed_segments(settings.inbox_path) if settings.inbox_path.exists() else []
    messages = [message for path in paths for message in read_segment(path).messages]
    assert {one.source for one in messages} <= {"form_entries"}
    return [json.loads(one.payload) for one in messages]


def entry(filled: dict[str, Any] = VARIANCE, number: str = "V-1", by: str = "li") -> Entering:
    return Entering(filled, number, by, NOW)


def test_an_entry_is_kept_once_and_says_everything(home: Settings):
    engine, form = open_database(home), shipped("stock_variance")
    first = enter(home, engine, nothing, form, entry())
    assert enter(home, engine, nothing, form, entry(by="wang")) == first
    (record,) = kept(home)
    assert (record["entry_no"], record["form_version"]) == ("stock_variance:V-1", 1)
    assert (record["entered_by"], record["entered_at"]) == ("li", NOW.isoformat())
    values = {(one["line_no"], one["field"]): one["value"] for one in record["values"]}
    assert values == {
        (0, "site"): "WH1", (0, "counted_on"): "2026-11-23", (1, "sku"): "TEA",
        (1, "expected"): "4", (1, "counted"): "3", (1, "reason"): "lost",
    }  # fmt: skip
    other = {**VARIANCE, "site": "WH2"}
    with pytest.raises(EntryUsedError, match="V-1 stands for another entry"):
        enter(home, engine, nothing, form, entry(other))
    enter(home, engine, nothing, shipped("approval_request"), entry(REQUEST))  # its own numbers
    amount = next(one for one in kept(home)[-1]["values"] if one["field"] == "amount")
    assert (amount["value"], amount["currency_code"]) == ("1200.50", "CNY")
    texts = [one for one in kept(home)[-1]["values"] if one["value_type"] == "text"]
    assert {one["value"] for one in texts} == {None}


def test_many_presses_at_once_are_one_entry(home: Settings):
    engine, form = open_database(home), shipped("stock_variance")
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda _: enter(home, engine, nothing, form, entry()), range(8)))
    assert len(set(receipts)) == 1
    assert {record["entry_no"] for record in kept(home)} == {"stock_variance:V-1"}


def test_what_a_full_disk_kept_back_is_handed_over_later(home: Settings, monkeypatch):
    engine, form = open_database(home), shipped("stock_variance")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(entering, "write_segment", full)
        with pytest.raises(TransientError, match="No space left"):
            enter(home, engine, nothing, form, entry())
    assert kept(home) == []
    assert hand_over_rest(home, engine, now=NOW + timedelta(minutes=5)) == 0
    assert hand_over_rest(home, engine, now=NOW + timedelta(minutes=11)) == 1
    assert hand_over_rest(home, engine, now=NOW + timedelta(minutes=12)) == 0
    assert [record["entry_no"] for record in kept(home)] == ["stock_variance:V-1"]
    assert enter(home, engine, nothing, form, entry()).number == "V-1"
    assert len(kept(home)) == 1


@pytest.mark.parametrize("number", ["", "a b", "-1", "x" * 65, "一"])
def test_numbers_are_plain(home: Settings, number: str):
    with pytest.raises(InputError, match="number"):
        enter(home, open_database(home), nothing, shipped("stock_variance"), entry(number=number))
    with pytest.raises(InputError, match="who enters"):
        enter(home, open_database(home), nothing, shipped("stock_variance"), entry(by=" "))
    assert not kept(home)
    shutil.rmtree(home.root)
