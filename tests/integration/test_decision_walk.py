"""The walk through one purchase in docs/decisions.md: walked again, and compared word for word.

`FOURFLOW_TEST_WRITE_WALK=1` writes the page's section instead of comparing it. The decision's id is
that of the day on which stock was counted, which is the day of the walk: ids are not compared.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import PROJECT_ROOT
from connectors.sinks.factory import sinks_from_settings
from connectors.sources.api.reading import CHINA
from orchestration.decisions import ledger, outbox
from orchestration.decisions.rulebook import SHIPPED_RULES
from tests.installation import Installation
from tests.models import build_models
from tests.platform_accounts import config_of
from tests.platforms import Read, read_account
from tests.unit.app_streamlit.published_fixture import publish

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

PAGE = PROJECT_ROOT / "docs" / "decisions.md"
HEADING = "## One purchase, end to end\n"
WORLD = WorldConfig(end_date=date(2026, 11, 22), days=40, orders_per_day=40, product_count=40)
BEFORE, AFTER = datetime(2026, 11, 20, 16, tzinfo=UTC), datetime(2026, 11, 22, 16, tzinfo=UTC)
RULE, KEY_VARIABLE = "buy_low_stock", "ODOO_API_KEY"


@dataclass
class Walk:
    """Commands that were run, and what each of them said that is the same every time."""

    installation: Installation
    blocks: list[str] = field(default_factory=list)

    def say(self, words: str) -> None:
        self.blocks.append(words)

    def run(self, *arguments: str) -> None:
        """Run a command and keep what it printed."""
        printed = self.installation.run(*arguments).stdout.strip()
        self._keep(arguments, printed.splitlines())

    def show(self, facts: Sequence[tuple[str, Any]], *arguments: str) -> None:
        """Keep a command with the chosen facts of its answer."""
        width = max(len(name) for name, _ in facts)
        self._keep(arguments, [f"{name:<{width}}  {value}" for name, value in facts])

    def _keep(self, arguments: Sequence[str], lines: Sequence[str]) -> None:
        shown = " ".join(f'"{one}"' if " " in one else one for one in arguments)
        self.blocks.append("\n".join(["```", f"$ fourflow {shown}", *lines, "```"]))


@pytest.fixture
def sandbox() -> Iterator[ServedSandbox]:
    with serve_sandbox(WORLD) as served:
        yield served


def test_walk_in_the_page_is_what_happens(
    sandbox: ServedSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(sandbox, tmp_path / "home")
    monkeypatch.setenv(KEY_VARIABLE, installation.environment[KEY_VARIABLE])
    read_and_publish(installation, sandbox, BEFORE)
    section = walked(installation, sandbox)
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(HEADING)
    end = page.index("\n## ", start) + 1
    if os.environ.get("FOURFLOW_TEST_WRITE_WALK"):
        PAGE.write_text(page[:start] + section + page[end:], encoding="utf-8")
    else:
        assert _without_ids(page[start:end]) == _without_ids(section)


def _without_ids(section: str) -> str:
    return re.sub(r"\b[0-9a-f]{12}\b", "ID", section)


def installed(sandbox: ServedSandbox, home: Path) -> Installation:
    """A home whose only source and target is the simulated Odoo."""
    keys = config_of("odoo", sandbox)
    odoo = {"main": keys | {"api_key": {"env": KEY_VARIABLE}}}
    home.mkdir(exist_ok=True)
    document = {"sources": {"odoo": {"accounts": odoo}}, "sinks": {"odoo": {"accounts": odoo}}}
    (home / "fourflow.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return Installation(home, {"FOURFLOW_LIVE_SINKS": "yes", KEY_VARIABLE: keys["api_key"]})


def walked(installation: Installation, sandbox: ServedSandbox) -> str:
    """Walk from the rule to the receipt, once Odoo's stock is published."""
    walk = Walk(installation)
    file = installation.home.parent / f"{RULE}.yml"
    file.write_text(yaml.safe_dump(rule(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    walk.say(
        "Stock comes from Odoo and the order goes there. The rule is `request_purchase_low_stock` "
        "as one's own: a person approves each purchase and says how it is to be ordered, and both "
        "ways lead to Odoo (`tests/integration/test_decision_walk.py` walks this way again and "
        "compares every line). Of long answers stand here the facts that are the same every time."
    )
    chosen = {name: rule()[name] for name in ("rule_id", "actions", "options")}
    text = yaml.safe_dump(chosen, allow_unicode=True, sort_keys=False, width=100)
    walk.say(f"```yaml\n{text}```")
    walk.run("rules", "save", f"{RULE}.yml", "--author", "Li", "--reason", "shelves stay full")
    decide_and_deliver(installation)
    found = installation.json("decisions", "list", "--rule", RULE, "--limit", "1000")
    first = min(found, key=lambda one: (one["explanation"]["on_hand"], one["subject"]))
    short = first["decision_id"][:12]
    walk.say(f"The next run asks for {len(found)} purchases; one of the scarcest articles:")
    walk.show(
        [*((name, first[name]) for name in ("subject", "state")),
         ("message", first["message"]["en"])],
        "decisions", "show", short,
    )  # fmt: skip
    walk.run(
        "decisions", "approve", short, "--approver", "Wang", "--option", "order_now",
        "--reason", "the supplier is reliable",
    )  # fmt: skip
    decide_and_deliver(installation)
    facts = installation.json("decisions", "show", short)
    (receipt,) = [one for one in facts["receipts"] if one["sink"] == "odoo"]
    walk.say("The next delivery sends it, once; Odoo's own number and state are the receipt:")
    walk.show(
        [("state", facts["state"]), ("sink", receipt["sink"]), ("outcome", receipt["outcome"]),
         *((name, receipt["detail"][name]) for name in ("model", "name", "state"))],
        "decisions", "show", short,
    )  # fmt: skip
    # Two days later the goods have come, and the source reads the order back.
    read_and_publish(installation, sandbox, AFTER)
    (line,) = installation.json("decisions", "show", short)["outcomes"]
    (order,) = sandbox.written()["odoo"]["purchase.order"]
    assert (order["name"], order["origin"]) == (line["order_no"], f"odoo_{first['decision_id']}_2")
    walk.say("Two days and a run later the goods have come; the order is read back by its key:")
    told = ("order_no", "purchase_order_status", "sku", "site", "quantity", "received_quantity",
            "promised_on", "is_overdue", "days_out_of_stock")  # fmt: skip
    walk.show([(name, line[name]) for name in told], "decisions", "show", short)
    walk.say(
        "What a rule changed is measured on orders of customers; of purchases nobody knows it:"
    )
    walk.run("rules", "effect", RULE)
    return HEADING + "\n" + "\n\n".join(walk.blocks) + "\n\n"


def read_and_publish(
    installation: Installation, sandbox: ServedSandbox, midnight: datetime
) -> None:
    """The first steps of a run, of the two tables that the walk needs."""
    settings = installation.settings
    last_second = midnight.astimezone(CHINA).replace(tzinfo=None) - timedelta(seconds=1)
    sandbox.control(as_of=last_second)
    now = midnight + timedelta(minutes=10)
    read = Read("odoo", "main", config_of("odoo", sandbox), now)
    assert read_account(installation.home, read).problems == ()
    settings.enabled_sources_path.parent.mkdir(parents=True, exist_ok=True)
    settings.enabled_sources_path.write_text("odoo", encoding="utf-8")
    build_models(settings, "+fct_stock_positions", "+fct_purchase_order_lines")
    publish(settings, run_id=f"run-{midnight:%d}")


def decide_and_deliver(installation: Installation) -> None:
    """The last two steps of a run, on what is published."""
    settings = installation.settings
    engine, now = open_database(settings), datetime.now(UTC)
    with open_published(settings, engine=engine) as lake:
        ledger.decide(engine, lake, now=now, sinks=sinks_from_settings(settings))
    outbox.deliver(engine, sinks_from_settings(settings), now=now, worker_id="walk")


def rule() -> dict[str, Any]:
    """The shipped rule, with an approval and two ways to order."""
    file = SHIPPED_RULES / "request_purchase_low_stock.yml"
    shipped: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    fields = {"sku": "{sku}", "site": "{site}", "quantity": "{order_quantity}"}

    def label(en: str, zh: str) -> dict[str, str]:
        return {"en": en, "zh": zh}

    number = {"type": "integer", "value": 60, "label": label("Pieces to order", "采购数量")}
    day = {"type": "date", "value": "2026-11-22", "label": label("Wanted by", "需求日期")}
    return shipped | {
        "rule_id": RULE,
        "mode": "enabled",
        "decides": "purchase",
        "parameters": shipped["parameters"] | {"order_quantity": number, "wanted_on": day},
        "sinks": ["jsonl"],
        "actions": [{"type": "request_approval", "to": "purchasing"}],
        "options": [
            {
                "name": "order_now",
                "label": label("Order now", "立即下单"),
                "actions": [
                    {
                        "type": "create_purchase_order",
                        "sinks": ["odoo"],
                        "fields": fields | {"due_on": "{wanted_on}"},
                    }
                ],
            },
            {
                "name": "ask_buyer",
                "label": label("Leave a draft to the buyer", "留草稿给采购员"),
                "actions": [{"type": "request_purchase", "sinks": ["odoo"], "fields": fields}],
            },
        ],
    }
