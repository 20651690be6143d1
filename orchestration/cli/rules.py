"""`fourflow rules`: the rule book and the rule lab."""

import getpass
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.decisions import rulebook
from orchestration.decisions.backtesting import Backtest, backtest_rule
from orchestration.decisions.definition import Mode, RuleDefinition, read_rule
from orchestration.decisions.effects import measure_purchase_cost, measure_rule
from orchestration.decisions.firing import DEFAULT_DAYS, InForce, Span
from orchestration.decisions.histories import Clock
from orchestration.decisions.sentences import rule_sentence
from orchestration.decisions.vocabulary import Language

app = typer.Typer(help="The rule book and the rule lab.", no_args_is_help=True)

RuleId = Annotated[str, typer.Argument(help="The rule's id.")]
Author = Annotated[str, typer.Option("--author", help="Who does it.", show_default="you")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the version.")]


def _open() -> Engine:
    """The operational database, with the shipped rules in it."""
    engine = open_database(load_settings())
    rulebook.seed_rules(engine)
    return engine


@app.command("list")
def list_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List all rules: what is in force, who owns it, and which rules conflict."""
    found = rulebook.list_rules(_open())
    conflicts = rulebook.find_conflicts(found)
    rows = [_summary(one) for one in found]
    if json:
        print_json({"rules": rows, "conflicts": [asdict(one) for one in conflicts]})
        return
    shown = [{name: value for name, value in row.items() if name != "name"} for row in rows]
    print_rows("Rules", shown, empty="There is no rule.")
    if conflicts:
        print_rows("Conflicts", [asdict(one) for one in conflicts], empty="")


def _summary(one: rulebook.RuleVersion) -> dict[str, Any]:
    rule = one.definition
    return {
        "rule_id": rule.rule_id,
        "version": one.version,
        "mode": rule.mode,
        "owner": rule.owner,
        "priority": rule.priority,
        "decides": rule.decides,
        "name": rule.name.en,
    }


@app.command("show")
def show_command(
    rule_id: RuleId,
    version: Annotated[int | None, typer.Option(help="An earlier version.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show what a rule does, in a sentence and with its parameters."""
    one = rulebook.find_rule(_open(), rule_id, version=version)
    rule = one.definition
    sentences = {language: rule_sentence(rule, language) for language in get_args(Language)}
    if json:
        print_json({**_version(one), "sentence": sentences, "definition": rule.stored()})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{rule.rule_id}[/] version {one.version}, {rule.mode}: {rule.name.en}")
    console.print(rule.description)
    for sentence in sentences.values():
        console.print(sentence, markup=False)
    print_rows("Parameters", _parameters(rule), empty="It has no parameters.")


def _parameters(rule: RuleDefinition) -> list[dict[str, Any]]:
    return [
        {"parameter": name, "value": one.bound(), "label": one.label.en, "标签": one.label.zh}
        for name, one in rule.parameters.items()
    ]


def _version(one: rulebook.RuleVersion) -> dict[str, Any]:
    return {
        "rule_id": one.rule_id,
        "version": one.version,
        "mode": one.definition.mode,
        "origin": one.origin,
        "author": one.author,
        "reason": one.reason,
        "created_at": one.created_at,
    }


@app.command("history")
def history_command(rule_id: RuleId, json: Annotated[bool, JsonOption] = False) -> None:
    """List all versions of a rule, newest first: who, when and why."""
    engine = _open()
    rulebook.find_rule(engine, rule_id)
    rows = [_version(one) for one in rulebook.rule_history(engine, rule_id)]
    if json:
        print_json(rows)
    else:
        print_rows("Versions", rows, empty="")


@app.command("diff")
def diff_command(
    rule_id: RuleId,
    before: Annotated[int | None, typer.Option(help="Version; the one before by default.")] = None,
    after: Annotated[int | None, typer.Option(help="Version; the one in force by default.")] = None,
    file: Annotated[Path | None, typer.Option(help="A YAML file instead of a version.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show what two versions of a rule, or a version and a file, have different."""
    engine = _open()
    if file:
        new = read_rule(file)
        old = rulebook.find_rule(engine, rule_id, version=before).definition
    else:
        newer = rulebook.find_rule(engine, rule_id, version=after)
        new = newer.definition
        old = rulebook.find_rule(engine, rule_id, version=before or newer.version - 1).definition
    rows = [asdict(change) for change in rulebook.compare_rules(old, new)]
    if json:
        print_json(rows)
    else:
        print_rows("Changes", rows, empty="They are the same.")


@app.command("save")
def save_command(
    file: Annotated[Path, typer.Argument(help="The rule's YAML file.")],
    reason: Reason,
    author: Author = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Check a rule file and put it in force as the next version."""
    rule = read_rule(file)
    version = rulebook.save_rule(_open(), rule, author=author or getpass.getuser(), reason=reason)
    _say(rule.rule_id, version, rule.mode, json=json)


@app.command("set")
def set_command(
    rule_id: RuleId,
    values: Annotated[list[str], typer.Argument(help="Parameters as name=value.")],
    reason: Reason,
    author: Author = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Change parameters of a rule; the change is its next version."""
    engine = _open()
    rule = rulebook.find_rule(engine, rule_id).definition.with_parameters(_assignments(values))
    version = rulebook.save_rule(engine, rule, author=author or getpass.getuser(), reason=reason)
    _say(rule_id, version, rule.mode, json=json)


@app.command("enable")
def enable_command(
    rule_id: RuleId, reason: Reason, author: Author = "", json: Annotated[bool, JsonOption] = False
) -> None:
    """Let a rule act."""
    _switch(rule_id, "enabled", reason, author, json=json)


@app.command("disable")
def disable_command(
    rule_id: RuleId, reason: Reason, author: Author = "", json: Annotated[bool, JsonOption] = False
) -> None:
    """Switch a rule off."""
    _switch(rule_id, "disabled", reason, author, json=json)


@app.command("shadow")
def shadow_command(
    rule_id: RuleId, reason: Reason, author: Author = "", json: Annotated[bool, JsonOption] = False
) -> None:
    """Let a rule record what it would decide, without acting."""
    _switch(rule_id, "shadow", reason, author, json=json)


@app.command("rollback")
def rollback_command(
    rule_id: RuleId,
    reason: Reason,
    to: Annotated[int | None, typer.Option(help="Version; the content before by default.")] = None,
    author: Author = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Put an earlier version in force again; whether the rule is enabled stays as it is."""
    engine = _open()
    version = rulebook.roll_back_rule(
        engine, rule_id, to_version=to, author=author or getpass.getuser(), reason=reason
    )
    mode = rulebook.find_rule(engine, rule_id).definition.mode
    _say(rule_id, version, mode, json=json)


def _switch(rule_id: str, mode: Mode, reason: str, author: str, *, json: bool) -> None:
    who = author or getpass.getuser()
    version = rulebook.switch_rule(_open(), rule_id, mode, author=who, reason=reason)
    _say(rule_id, version, mode, json=json)


def _say(rule_id: str, version: int, mode: str, *, json: bool) -> None:
    if json:
        print_json({"rule_id": rule_id, "version": version, "mode": mode})
    else:
        typer.echo(f"{rule_id} is {mode}, version {version} is in force.")


@app.command("effect")
def effect_command(
    rule_id: RuleId,
    days: Annotated[int, typer.Option(min=1, help="Days in which a purchase is an effect.")] = 30,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Compare the orders a rule acted on with its random hold-out; undecided is an answer."""
    settings, engine = load_settings(), _open()
    rulebook.find_rule(engine, rule_id)
    with open_published(settings, engine=engine) as lake:
        found = measure_rule(engine, lake, rule_id, days=days)
        cost = measure_purchase_cost(engine, lake, rule_id, days=days)
    rows = [
        {"measure": one.measure, "currency": one.currency_code, **asdict(one.effect)}
        for one in found
    ]
    if json:
        told = {} if cost is None else asdict(cost) | asdict(cost.effect)
        told.pop("effect", None)
        print_json([*rows, {"measure": "purchase_cost", **told}] if told else rows)
        return
    shown = [
        {name: round(one, 4) if isinstance(one, float) else one for name, one in row.items()}
        for row in rows
    ]
    print_rows("Effect", shown, empty="It has decided about no order that long ago.")
    if cost is not None:
        each = "unknown" if cost.each is None else f"{cost.each:,} {cost.currency_code}"
        typer.echo(
            f"Acting cost {cost.spent:,} {cost.currency_code}; each purchase that it brought: "
            f"{each} ({cost.effect.verdict})."
        )


@app.command("backtest")
def backtest_command(
    rule_id: Annotated[str, typer.Argument(help="The rule's id; empty with --file.")] = "",
    *,
    file: Annotated[Path | None, typer.Option(help="A rule that is not in the book yet.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="Try a parameter: name=value.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Business dates to look back.")] = DEFAULT_DAYS,
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First business date.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last business date.")
    ] = None,
    business: Annotated[str | None, typer.Option(help="Only this business.")] = None,
    clock: Annotated[
        Clock, typer.Option(help="When rows count: once known, or as they happened.")
    ] = "known",
    as_of: Annotated[str | None, typer.Option(help="An earlier publication.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show what a rule would have decided over history, and what came of it."""
    settings, engine = load_settings(), _open()
    rule = _candidate(engine, rule_id, file, values or [])
    span = Span(days, _day(first_day), _day(last_day), business)
    in_force = [InForce(one.definition, one.version) for one in rulebook.list_rules(engine)]
    with open_published(settings, as_of, engine=engine) as lake:
        zone = ZoneInfo(settings.business_time_zone)
        report = backtest_rule(rule, lake, zone=zone, span=span, clock=clock, in_force=in_force)
    if json:
        print_json(asdict(report))
    else:
        _print_backtest(report)


def _candidate(
    engine: Engine, rule_id: str, file: Path | None, values: list[str]
) -> RuleDefinition:
    if bool(rule_id) == bool(file):
        raise InputError("Name either a rule of the book or a --file.")
    rule = read_rule(file) if file else rulebook.find_rule(engine, rule_id).definition
    return rule.with_parameters(_assignments(values)) if values else rule


def _assignments(values: list[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise InputError(f"{name or 'An empty word'} is no assignment; write name=value.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _print_backtest(report: Backtest) -> None:
    print_rows(f"Back-test of {report.rule_id}", _figures(report), empty="")
    print_rows("Money at stake", [asdict(one) for one in report.money], empty="No money at stake.")
    if report.by_branch:
        branches = [{"branch": name, "count": n} for name, n in report.by_branch.items()]
        print_rows("Branches", branches, empty="")
    if report.overlaps:
        print_rows("Shared with rules in force", [asdict(o) for o in report.overlaps], empty="")
    busiest = sorted(report.by_day, key=lambda one: (-one.count, one.day))[:7]
    print_rows("Busiest days", [asdict(one) for one in busiest], empty="It never fired.")


def _figures(report: Backtest) -> list[dict[str, Any]]:
    figures: dict[str, Any] = {
        "business dates": f"{report.first_day} to {report.last_day}",
        "decisions": report.decisions,
        "subjects": report.subjects,
        "left out by the cooldown": report.cooled,
        "held out, expected": report.held_out,
    }
    if report.unwatched is not None:
        figures["of the first load, by when they happened"] = report.unwatched
    load = report.owner
    figures[f"a day for {load.owner}"] = (
        f"median {load.median_of_this_rule:g}, most {load.most_of_this_rule}; "
        f"with the rules in force {load.median_of_all:g} and {load.most_of_all}"
    )
    if report.outcomes:
        shown = asdict(report.outcomes).items()
        figures["what became of the orders"] = ", ".join(
            f"{name.replace('_', ' ')} {count:,}" for name, count in shown
        )
    if report.budget:
        use = report.budget
        figures[f"budget, {use.per.replace('_', ' ')}"] = (
            f"most {_amount(use.most)} of {_amount(use.limit)} {use.currency_code}, "
            f"{use.refused:,} refused"
        )
    if report.against_version:
        change = report.against_version
        figures[f"against version {change.version} in force"] = (
            f"both {change.both:,}, only new {change.only_new:,}, only old {change.only_old:,}"
        )
    return [{"figure": name, "value": value} for name, value in figures.items()]


def _amount(value: Decimal) -> str:
    return f"{value:,.2f}"
