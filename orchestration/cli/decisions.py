"""`fourflow decisions`: the ledger."""

from typing import Annotated

import typer

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.decisions import ledger
from orchestration.decisions.states import DecisionState

app = typer.Typer(help="The ledger of decisions.", no_args_is_help=True)


@app.command("list")
def list_command(
    state: Annotated[
        DecisionState | None, typer.Option(help="Only decisions in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List decisions, newest first: what, why, and what became of them."""
    found = ledger.list_decisions(open_database(load_settings()), state=state, limit=limit)
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
