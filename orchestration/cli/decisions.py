"""`fourflow decisions`: the ledger, verdicts of people, and letting go what is held."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.decisions import ledger, outbox
from orchestration.decisions.approvals import options, paths, verdicts
from orchestration.decisions.approvals.links import links_from_settings
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.latency import action_latencies
from orchestration.decisions.outcomes import published_outcomes
from orchestration.decisions.states import DecisionState
from orchestration.run_state import utc_now

app = typer.Typer(help="The ledger of decisions.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="The decision's id; its first characters are enough.")]
_Approver = Annotated[str, typer.Option(help="Who gives the verdict.")]
_Reason = Annotated[str, typer.Option(help="Why; needed against the recommendation.")]
_Clause = Annotated[str, typer.Option(help="Of the contract, in a review of clauses.")]


@app.command("list")
def list_command(
    state: Annotated[
        DecisionState | None, typer.Option(help="Only decisions in this state.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only decisions of this rule.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List decisions, newest first: what, why, and what became of them."""
    engine = open_database(load_settings())
    found = ledger.list_decisions(engine, state=state, rule_id=rule, limit=limit)
    rows = [
        {
            "decision_id": decision.decision_id[:12],
            "rule": f"{decision.rule_id} v{decision.rule_version}",
            "subject": decision.subject,
            "amount": decision.amount,
            "currency": decision.currency_code,
            "state": decision.state,
            "message": decision.message.get("en", ""),
        }
        for decision in found
    ]
    if json:
        print_json([vars(decision) for decision in found])
    else:
        print_rows("Decisions", rows, empty="No decision has been made yet.")


@app.command("show")
def show_command(decision_id: _Id, json: Annotated[bool, JsonOption] = False) -> None:
    """Show one decision: what made it, options, approval, deliveries, what came of it, history."""
    settings = load_settings()
    engine = open_database(settings)
    full = verdicts.full_id(engine, decision_id)
    facts = {**_facts(engine, full), "outcomes": published_outcomes(settings, full)}
    if json:
        print_json(facts)
        return
    lists = ("options", "deliveries", "receipts", "outcomes", "history")
    plain = {name: value for name, value in facts.items() if name not in (*lists, "approval")}
    rows = [{"fact": name, "value": value} for name, value in plain.items()]
    print_rows("Decision", rows, empty="")
    if facts["approval"]:
        approval = [{"fact": name, "value": value} for name, value in facts["approval"].items()]
        print_rows("Approval", approval, empty="")
    for name in lists:
        print_rows(name.capitalize(), facts[name], empty=f"No {name}.")


@app.command("approve")
def approve_command(
    decision_id: _Id,
    approver: _Approver,
    reason: _Reason = "",
    *,
    option: Annotated[str, typer.Option(help="Which of its options to execute.")] = "",
    clause: _Clause = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Approve a decision; what waited for it is sent by the next delivery."""
    verdict = verdicts.Verdict("approve", approver, reason, option=option or None, clause=clause)
    _answer(decision_id, verdict, as_json=json)


@app.command("choose")
def choose_command(
    decision_id: _Id,
    option: Annotated[str, typer.Argument(help="Name of the option.")],
    approver: Annotated[str, typer.Option(help="Who chooses.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Execute one of the options of a decision that needs no approval."""
    settings = load_settings()
    engine = open_database(settings)
    full = verdicts.full_id(engine, decision_id)
    zone = ZoneInfo(settings.business_time_zone)
    number = options.choose_option(
        engine, full, option, actor=approver, reason=reason, now=utc_now(), zone=zone
    )
    _tell({"deliveries": number}, f"{option} is chosen: {number} deliveries.", as_json=json)


@app.command("reject")
def reject_command(
    decision_id: _Id,
    approver: _Approver,
    reason: _Reason = "",
    clause: _Clause = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Reject a decision: nothing more of it is sent."""
    _answer(decision_id, verdicts.Verdict("reject", approver, reason, clause=clause), as_json=json)


@app.command("retry")
def retry_command(
    decision_ids: Annotated[
        list[str] | None, typer.Argument(help="Which; without any: all that are dead.")
    ] = None,
    actor: Annotated[str, typer.Option(help="Who asks for it.")] = "command",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Put dead deliveries in the queue again, under their old keys."""
    engine = open_database(load_settings())
    wanted = [verdicts.full_id(engine, given) for given in decision_ids] if decision_ids else None
    retried = outbox.retry_dead(engine, now=utc_now(), actor=actor, decision_ids=wanted)
    _tell({"retried": retried}, f"{retried} deliveries are in the queue again.", as_json=json)


@app.command("release")
def release_command(
    rule: Annotated[str, typer.Option(help="The rule whose decisions were too many.")],
    actor: Annotated[str, typer.Option(help="Who lets them go.")] = "command",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Let go what was held because a rule made more decisions than its ceiling."""
    released = outbox.release_held(
        open_database(load_settings()), now=utc_now(), cause="volume", rule_id=rule, actor=actor
    )
    _tell({"released": released}, f"{released} deliveries may be sent.", as_json=json)


@app.command("delegate")
def delegate_command(
    delegator: Annotated[str, typer.Argument(help="Who is away.")],
    to: Annotated[str, typer.Option(help="Who answers meanwhile.")],
    days: Annotated[int, typer.Option(min=1, help="For how many days from now.")],
    author: Annotated[str, typer.Option(help="Who arranges it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Let another person answer for somebody."""
    engine = open_database(load_settings())
    verdicts.delegate(engine, delegator, to, days=days, author=author, reason=reason, now=utc_now())
    typer.echo(f"{to} answers for {delegator} for {days} days.")


@app.command("link")
def link_command(
    decision_id: _Id,
    approver: Annotated[str, typer.Option(help="Whose link it is.")],
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Make a link with which one person answers once, for instance on a phone."""
    settings = load_settings()
    engine = open_database(settings)
    link = links_from_settings(settings, engine).issue(
        verdicts.full_id(engine, decision_id), approver, now=utc_now()
    )
    _tell(asdict(link), f"{link.url}\nuntil {link.expires_at:%Y-%m-%d %H:%M} UTC", as_json=json)


@app.command("paths")
def paths_command(
    rule: Annotated[str | None, typer.Option(help="Only decisions of this rule.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Asked about within so many days.")] = 90,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """How long approvals wait, node by node, and what it would cost to ask a node no more."""
    engine = open_database(load_settings())
    found = paths.approval_paths(engine, rule_id=rule, since=utc_now() - timedelta(days=days))
    nodes = paths.node_figures(found)
    whole, lengths = paths.path_waits(found), paths.path_lengths(found)
    if json:
        told = {"paths": len(found), "lengths": lengths, "waits": asdict(whole)}
        print_json({**told, "nodes": [asdict(node) for node in nodes]})
        return
    rows = [
        {
            "node": f"{one.node.role} ({one.node.arrival})",
            "p50 hours": _hours(one.waits.p50),
            "p90 hours": _hours(one.waits.p90),
            "open": one.open,
            "approved": one.approved,
            "rejected": one.rejected,
            "passed on": one.passed_on + one.expired,
            "delegated": one.delegated,
        }
        for one in nodes
    ]
    print_rows("Approvals by node", rows, empty="Nobody has been asked about a decision.")
    without = [
        {
            "without": f"{one.node.role} ({one.node.arrival})",
            "earlier": one.without.earlier.count,
            "by p50 hours": _hours(one.without.earlier.p50),
            "by p90 hours": _hours(one.without.earlier.p90),
            "not rejected": one.without.rejected,
            "worth": ", ".join(f"{a:,} {c}" for c, a in one.without.rejected_amounts.items()),
            "not changed": one.without.changed,
            "unknown": one.without.unanswered,
        }
        for one in nodes
    ]
    if rows:
        print_rows("If a node were asked no more", without, empty="")
        by_length = ", ".join(f"{number} of {length}" for length, number in lengths.items())
        _tell(
            {},
            f"Ways of so many nodes: {by_length or 'none at its end'}; half took at most "
            f"{_hours(whole.p50)} hours, nine in ten {_hours(whole.p90)}.",
            as_json=False,
        )


@app.command("speed")
def speed_command(
    rule: Annotated[str | None, typer.Option(help="Only decisions of this rule.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Proposed within so many days.")] = 90,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """How long it takes from a proposal to what is done about it, by rule and owner."""
    engine = open_database(load_settings())
    found = action_latencies(engine, rule_id=rule, since=utc_now() - timedelta(days=days))
    if json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        {
            "rule": one.rule_id,
            "owner": one.owner,
            "decided": one.decided,
            "acted": one.acted,
            "refused": one.refused,
            "given up": one.given_up,
            "waiting": one.waiting,
            "p50 hours": _hours(one.p50_seconds),
            "p90 hours": _hours(one.p90_seconds),
        }
        for one in found
    ]
    print_rows("From proposal to action", rows, empty="No decision has been made yet.")


def _hours(seconds: float | None) -> Decimal | None:
    return None if seconds is None else Decimal(str(round(seconds / 3600, 1)))


def _answer(decision_id: str, verdict: verdicts.Verdict, *, as_json: bool) -> None:
    settings = load_settings()
    engine = open_database(settings)
    full = verdicts.full_id(engine, decision_id)
    approval = verdicts.find_approval(engine, full)
    is_open = approval is not None and approval.state == "awaiting"
    if not is_open and verdict.answer == "reject":
        cancelled = verdicts.withdraw(
            engine, full, now=utc_now(), actor=verdict.approver, reason=verdict.reason
        )
        _tell({"cancelled": cancelled}, f"{cancelled} deliveries were cancelled.", as_json=as_json)
        return
    policy = load_approval_policy(settings)
    zone = ZoneInfo(settings.business_time_zone)
    state = verdicts.give_verdict(engine, policy, full, verdict, now=utc_now(), zone=zone)
    missing = (
        f"; {state.needed - state.given} more must approve" if state.state == "awaiting" else ""
    )
    _tell(asdict(state), f"{full[:12]} is {state.state}{missing}.", as_json=as_json)


def _facts(engine: Engine, decision_id: str) -> dict[str, Any]:
    approval = verdicts.find_approval(engine, decision_id)
    return {
        **vars(ledger.find_decision(engine, decision_id)),
        "approval": asdict(approval) if approval else None,
        "deliveries": [vars(one) for one in outbox.list_deliveries(engine, [decision_id])],
        "receipts": outbox.list_receipts(engine, decision_id),
        "history": [vars(one) for one in ledger.decision_history(engine, decision_id)],
    }


def _tell(facts: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        Console(highlight=False).print(sentence, soft_wrap=True)
