"""Conditions: what is allowed works, everything else is refused with its position."""

import random
import re

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.errors import InputError
from orchestration.decisions.conditions import MAX_LENGTH, Condition, parse_condition

COLUMNS = ("amount", "quantity", "status", "channel", "is_open", "created_at", "due_at")
VALUES = {"minimum": 5, "word": "paid"}


def parse(text: str) -> Condition:
    return parse_condition(text, parameters=VALUES, columns=COLUMNS)


@pytest.fixture(scope="module")
def table() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create table t as select 12.50::decimal(18,2) as amount, 7 as quantity, 'paid' as status,"
        " 'pos' as channel, true as is_open, timestamptz '2026-11-21 10:00:00+00' as created_at,"
        " timestamptz '2026-11-20 10:00:00+00' as due_at"
    )
    return connection


def evaluate(table: duckdb.DuckDBPyConnection, condition: Condition) -> bool:
    values = {name: VALUES[name] for name in condition.parameters}
    query = f"select count(*) from t where {condition.sql}"
    return bool(table.execute(query, values or None).fetchone()[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount >= :minimum", True),
        ("amount < :minimum or status = :word", True),
        ("AMOUNT > 1 and not (quantity = 7)", False),
        ("is_open", True),
        ("not is_open", False),
        ("status in ('paid', 'sent') and channel <> 'web'", True),
        ("quantity between 1 and 6", False),
        ("status like 'pa%' and status not ilike 'X_'", True),
        ("created_at is not null", True),
        ("amount * quantity + 1 - 2 / 4 > 80", True),
        ("quantity % 2 = 1 and quantity // 2 = 3 and -quantity < 0", True),
        ("coalesce(nullif(channel, 'pos'), 'none') = 'none'", True),
        ("date_diff('hour', due_at, created_at) >= 24", True),
        ("created_at > due_at + interval 23 hour", True),
        (
            "round(amount, 0) = 13 and abs(-1) = 1 and floor(amount) = 12 and ceil(amount) = 13",
            True,
        ),
        ("greatest(quantity, 9) = 9 and least(quantity, 9) = 7", True),
        ("upper(trim(status)) = 'PAID' and lower('A') = 'a' and length(status) = 4", True),
        ("starts_with(status, 'p') and ends_with(status, 'd') and contains(status, 'ai')", True),
        ("contains(status, 'x')", False),
        ("case when quantity > 5 then amount else 0 end > 10", True),
        ("channel is not distinct from 'pos'", True),
        ("amount = $minimum", False),
        ("true", True),
        ("((:word in ('paid', :word)) and (:minimum - 4 < amount))", True),
    ],
)
def test_allowed_conditions_give_what_sql_gives(
    table: duckdb.DuckDBPyConnection, text: str, expected: bool
) -> None:
    assert evaluate(table, parse(text)) is expected


def test_condition_tells_what_it_uses() -> None:
    condition = parse("Amount >= :minimum and status = 'x'")
    assert condition.columns == {"amount", "status"}
    assert condition.parameters == {"minimum"}


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("amout > 1", 1, "did you mean amount?"),
        ("amount > 1 and statuz = 'x'", 16, "did you mean status?"),
        ("amount > :minimun", 10, "did you mean minimum?"),
        ("amount > ?", None, "needs a name"),
        ("orders.amount > 1", 1, "without a table name"),
        ("amount in (select 1)", None, "subquer"),
        ("amount > (select max(amount) from t)", None, "not allowed"),
        ("exists (select 1)", None, "not allowed"),
        ("select 1", 1, "not a complete SQL expression"),
        ("amount > 1; drop table t", 11, "semicolon"),
        ("drop table t", None, "not"),
        ("amount > 1 -- and so on", 10, "comments"),
        ("amount /* x */ > 1", 1, "comments"),
        ("getenv('HOME') = 'x'", 1, "the function getenv is not allowed"),
        ("quantity > 1 and read_text('/etc/passwd') = 'x'", 18, "not allowed"),
        ("count(*) > 1", None, "not allowed"),
        ("sum(amount) over () > 1", None, "not allowed"),
        ("created_at > now()", None, "not allowed"),
        ("created_at > current_timestamp", None, "not allowed"),
        ("random() > 0.5", None, "not allowed"),
        ("cast(amount as varchar) = '1'", None, "not allowed"),
        ("amount::int = 1", None, "not allowed"),
        ("amount + 1", 1, "compare it"),
        ("'text'", 1, "compare it"),
        ("amount >", 8, "not a complete SQL expression"),
        ("(amount > 1", None, "not a complete SQL expression"),
        ("amount > 1)", 11, "not a complete SQL expression"),
        ("amount > 'open", None, "cannot be read"),
        ("", None, "empty"),
        ("   ", None, "empty"),
        ("* > 1", None, ""),
        ("status -> 'a' = 1", None, "not allowed"),
        ("[1, 2][1] = 1", None, "not allowed"),
        ("amount > 1 and status similar to 'a.*'", None, "not"),
        ("list_transform([1], x -> x) = [1]", None, "not allowed"),
    ],
)
def test_refusals_say_where_and_why(text: str, position: int | None, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    message = str(caught.value)
    assert says in message
    if position is not None:
        assert f"at character {position}:" in message
    assert "\n" not in message.replace(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "is_open" + ")" * 200,
        "not " * 200 + "is_open",
        "amount = " + "-" * 3 + " " + "- " * 200 + "1",
        "case when is_open then " * 60 + "is_open" + " end" * 60,
        " and ".join(["is_open"] * 400),
        "amount > " + "1" * MAX_LENGTH,
    ],
)
def test_oversized_conditions_are_refused_early(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_unknown_columns_are_left_to_the_table_when_none_is_at_hand() -> None:
    condition = parse_condition("anything > 1", parameters=())
    assert condition.columns == {"anything"}


WORDS = [
    *COLUMNS, ":minimum", ":word", ":other", "$x", "?", "and", "or", "not", "in", "is", "null",
    "between", "like", "case", "when", "then", "else", "end", "(", ")", ",", "=", "<>", "<", ">=",
    "+", "-", "*", "/", "%", "||", "::", "->", "[", "]", "{", "}", ";", "--", "/*", "*/", "'a'",
    '"b"', "1", "2.5", "1e400", "select", "from", "t", "union", "exists", "attach", "copy", "to",
    "read_csv", "getenv", "current_date", "interval", "cast", "as", "int", "over", "filter",
    "lambda", "x", ":", "pragma", "values", "struct_pack", "unnest", "abs(", "coalesce(", "@", "#",
    "\\", "\x00", "单", "distinct", "all", "any", "pivot", "using", "exclude", "columns(",
    "try_cast",
]  # fmt: skip
GOOD = [
    "amount >= :minimum and status = 'paid'",
    "not is_open or quantity between 1 and :minimum",
    "coalesce(channel, 'x') in ('a', 'b') and date_diff('day', due_at, created_at) > 1",
    "case when amount > 1 then is_open else false end",
]


def attempt(text: str) -> Condition | None:
    """The condition, or None when a sentence says where it is wrong; anything else is a crash."""
    try:
        return parse(text)
    except InputError as error:
        refusal = str(error)
    assert not text.strip() or re.search(r"at character \d+: ", refusal), text
    return None


def failure(table: duckdb.DuckDBPyConnection, condition: Condition) -> duckdb.Error | None:
    try:
        evaluate(table, condition)
    except duckdb.Error as error:
        return error
    return None


def assert_safe(table: duckdb.DuckDBPyConnection, text: str) -> None:
    """What is let through reads only `t`: it runs, or fails on types, never on another object."""
    condition = attempt(text)
    if condition is not None:
        assert condition.columns <= set(COLUMNS)
        assert condition.parameters <= set(VALUES)
        error = failure(table, condition)
        assert not isinstance(error, duckdb.CatalogException | duckdb.IOException), text


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
@example("amount in t")
@example("amount = any (values (1))")
def test_words_at_random_never_escape(table: duckdb.DuckDBPyConnection, text: str) -> None:
    assert_safe(table, text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_text_at_random_never_crashes(table: duckdb.DuckDBPyConnection, text: str) -> None:
    assert_safe(table, text)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0, 2**32))
def test_mutated_conditions_never_escape(
    table: duckdb.DuckDBPyConnection, text: str, seed: int
) -> None:
    draw = random.Random(seed)
    parts = text.split(" ")
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(parts))
        change = draw.choice(("insert", "drop", "swap", "double"))
        if change == "insert":
            parts.insert(place, draw.choice(WORDS))
        elif change == "drop" and len(parts) > 1:
            del parts[place]
        elif change == "swap":
            parts[place] = draw.choice(WORDS)
        else:
            parts.insert(place, parts[place])
    assert_safe(table, " ".join(parts))


class Grammar:
    """Writes conditions of the allowed grammar, and on demand one thing that is not allowed."""

    FORBIDDEN = (
        "(select max(amount) from t)", "exists (select 1)", "getenv('HOME')", "now()", "random()",
        "read_text('/etc/passwd')", "current_date", "cast(amount as varchar)", "amount::int",
        "sum(amount)", "row_number() over ()", "t.amount", "nowhere", ":nobody", "?", "status[1]",
        "list_transform([1], x -> x)", "pragma_version()", "nextval('s')", "duckdb_settings()",
        "amount || status", "{'a': 1}", "[1, 2]", "current_setting('threads')", "columns('a.*')",
        "struct_pack(a := 1)", "query('select 1')", "amount in (select 1)", "getvariable('x')",
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def condition(self, depth: int = 0) -> str:
        """A boolean expression."""
        if depth > 3:
            return self._draw.choice(("is_open", "true", "quantity > 3", "status is not null"))
        inner = lambda: self.condition(depth + 1)  # noqa: E731 - drawn anew each time
        return self._draw.choice((
            lambda: f"{inner()} and {inner()}",
            lambda: f"({inner()}) or ({inner()})",
            lambda: f"not ({inner()})",
            lambda: f"{self.number(depth)} {self._draw.choice(('<', '>=', '<>', '='))} "
                    f"{self.number(depth)}",
            lambda: f"{self.number(depth)} between {self.number(depth)} and {self.number(depth)}",
            lambda: f"{self.text(depth)} in ('paid', :word, {self.text(depth)})",
            lambda: f"{self.text(depth)} is distinct from {self.text(depth)}",
            lambda: f"starts_with({self.text(depth)}, {self.text(depth)})",
            lambda: f"{self.text(depth)} like '%a_'",
            lambda: f"case when {inner()} then {inner()} else {inner()} end = true",
            lambda: "created_at > due_at + interval 3 hour",
        ))()  # fmt: skip

    def number(self, depth: int) -> str:
        """A numeric expression."""
        if depth > 3:
            return self._draw.choice(("amount", "quantity", ":minimum", "7", "2.5", "-1"))
        inner = lambda: self.number(depth + 1)  # noqa: E731
        return self._draw.choice((
            inner, inner,
            lambda: f"({inner()} {self._draw.choice('+-*')} {inner()})",
            lambda: f"coalesce({inner()}, nullif({inner()}, 0))",
            lambda: f"round(abs({inner()}), 1)",
            lambda: f"greatest({inner()}, least({inner()}, {inner()}))",
            lambda: "date_diff('hour', due_at, created_at)",
            lambda: f"length({self.text(depth + 1)})",
        ))()  # fmt: skip

    def text(self, depth: int) -> str:
        """A text expression."""
        if depth > 2:
            return self._draw.choice(("status", "channel", ":word", "'单'", "'it''s'"))
        inner = lambda: self.text(depth + 1)  # noqa: E731
        return self._draw.choice((
            inner, lambda: f"upper({inner()})", lambda: f"trim(lower({inner()}))",
            lambda: f"coalesce({inner()}, {inner()})",
            lambda: f"case when {self.condition(depth + 2)} then {inner()} end",
        ))()  # fmt: skip

    def forbidden(self) -> str:
        """An allowed condition with one thing in it that is not."""
        bad = self._draw.choice(self.FORBIDDEN)
        return self._draw.choice((
            f"{self.condition(2)} and {bad} > 1",
            f"coalesce({bad}, 1) = {self.number(2)}",
            f"case when {self.condition(3)} then {bad} else 1 end = 1",
            f"not ({self.condition(3)} or {bad} is null)",
        ))  # fmt: skip


def fuzz(table: duckdb.DuckDBPyConnection, seeds: range) -> None:
    """Allowed conditions run, forbidden ones are refused at a place, mutated ones never escape."""
    for seed in seeds:
        grammar = Grammar(seed)
        allowed, forbidden = grammar.condition(), grammar.forbidden()
        condition = attempt(allowed)
        assert condition is not None, allowed
        error = failure(table, condition)
        assert error is None or isinstance(error, duckdb.ConversionException), (allowed, error)
        assert attempt(forbidden) is None, forbidden
        letters = list(allowed)
        place = random.Random(seed).randrange(len(letters))
        letters[place : place + 2] = random.Random(seed).choice(WORDS)
        assert_safe(table, "".join(letters))


def test_grammar_is_let_through_and_what_is_outside_refused(
    table: duckdb.DuckDBPyConnection,
) -> None:
    fuzz(table, range(334))


@pytest.mark.heavy
def test_five_thousand_conditions_neither_crash_nor_escape(
    table: duckdb.DuckDBPyConnection,
) -> None:
    fuzz(table, range(1_000, 2_700))
