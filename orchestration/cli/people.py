"""`fourflow people`: whose accounts are one person's, and what people decide about it."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from connectors.database.engine import open_database
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.run_state import utc_now
from orchestration.stewardship import identities

app = typer.Typer(
    help="Whose customer accounts are one person's: evidence, merge, split, undo.",
    no_args_is_help=True,
)
_Account = Annotated[str, typer.Argument(help="Key of an account: source:channel:buyer id.")]
_Other = Annotated[str, typer.Argument(help="Key of the other account.")]
_By = Annotated[str, typer.Option("--by", help="Who decides.")]
_Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]
_NEXT = "It counts from the next run on: `fourflow run`."


@app.command("conflicts")
def conflicts_command(
    limit: Annotated[int, typer.Option(min=1, help="How many of the likeliest.")] = 50,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List pairs of accounts that somebody should look at."""
    with open_published(load_settings()) as lake:
        found = lake.rows(
            "select conflict_type, customer_key_a, customer_key_b, rule, reason, "
            "match_probability, evidence from rpt_identity_conflicts "
            "order by match_probability desc nulls last, customer_key_a, customer_key_b, rule "
            "limit $limit",
            {"limit": limit},
        )
    if json:
        print_json(found)
    else:
        print_rows("Pairs to look at", found, empty="No pair of accounts wants a decision.")


@app.command("show")
def show_command(
    account: _Account, other: _Other, json: Annotated[bool, JsonOption] = False
) -> None:
    """Show all that is known of two accounts, and what was decided about them."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        found = identities.pair_evidence(engine, lake, (account, other))
    if json:
        print_json(asdict(found) | {"is_one_person": found.is_one_person})
        return
    title = "One person" if found.is_one_person else "Two people"
    print_rows(title, [asdict(one) for one in found.accounts], empty="")
    agreement = [{"field": name, "both": both} for name, both in found.agreement.items()]
    print_rows("What they tell", agreement, empty="")
    print_rows("Links", [asdict(one) for one in found.links], empty="Nothing links them.")
    print_rows("Decisions", [asdict(one) for one in found.decisions], empty="Nobody decided yet.")


@app.command("decisions")
def decisions_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List what was decided, the newest first, and whether it is in force."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        found = [asdict(one) for one in identities.list_decisions(engine, lake)]
    if json:
        print_json(found)
    else:
        print_rows("Decisions", found, empty="Nobody decided anything yet.")


@app.command("merge")
def merge_command(
    account: _Account,
    other: _Other,
    by: _By,
    reason: _Reason,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Two accounts are one person."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        act = identities.merge(
            engine, lake, (account, other), person=by, reason=reason, now=utc_now()
        )
        _tell(engine, lake, act, json=json)


@app.command("split")
def split_command(
    accounts: Annotated[list[str], typer.Argument(help="Keys of the accounts that leave.")],
    by: _By,
    reason: _Reason,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Some accounts of a person are somebody else's."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        act = identities.split(engine, lake, accounts, person=by, reason=reason, now=utc_now())
        _tell(engine, lake, act, json=json)


@app.command("undo")
def undo_command(
    act: Annotated[str, typer.Argument(help="As `fourflow people decisions` lists it.")],
    by: _By,
    reason: _Reason,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Take an act back: from the next run on it was never made."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        identities.undo(engine, lake, act, person=by, reason=reason, now=utc_now())
        _tell(engine, lake, act, json=json)


def _tell(engine: Any, lake: PublishedLake, act: str, *, json: bool) -> None:
    found = [asdict(one) for one in identities.list_decisions(engine, lake) if one.act_id == act]
    if json:
        print_json(found)
        return
    print_rows(f"Act {act}", found, empty="")
    typer.echo(f"{_NEXT} Take it back with `fourflow people undo {act} --by … --reason …`.")
