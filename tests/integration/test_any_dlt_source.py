"""A dlt source that Fourflow doesn't know becomes a channel by a mapping and seed rows alone."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.configuration import load_configuration
from connectors.settings import PROJECT_ROOT
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Reading
from tests.installation import Installation
from tests.lean_project import copy_project, lean_project
from tests.platforms import current_records

pytestmark = pytest.mark.integration

EXAMPLE = PROJECT_ROOT / "tests" / "examples" / "magento"
TOKEN = "integration-token"


class Magento:
    """A Magento shop as far as its orders go: filter, order, pages, token."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.url = ""

    def place(self, number: int, updated_at: str, status: str = "processing") -> None:
        """Put an order, or a newer version of it, into the shop."""
        total = 10 * number + 0.5
        order = {
            "increment_id": f"{number:09d}",
            "status": status,
            "grand_total": total,
            "total_paid": total if status != "pending" else None,
            "customer_id": number % 3,
            "created_at": "2026-03-01 10:00:00",
            "updated_at": updated_at,
            "items": [
                {
                    "item_id": number * 10,
                    "sku": f"SKU-{number % 4}",
                    "qty_ordered": 1,
                    "price": total,
                    "row_total": total,
                }
            ],
        }
        self.orders = [o for o in self.orders if o["increment_id"] != order["increment_id"]]
        self.orders.append(order)

    async def answer(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "The consumer isn't authorized"}, status_code=401)
        query = request.query_params
        since = query["searchCriteria[filter_groups][0][filters][0][value]"]
        self.asked.append(since)
        size = int(query["searchCriteria[pageSize]"])
        first = (int(query.get("searchCriteria[currentPage]", 1)) - 1) * size
        rows = sorted(
            (order for order in self.orders if order["updated_at"] >= since),
            key=lambda order: order["updated_at"],
        )
        return JSONResponse({"items": rows[first : first + size], "total_count": len(rows)})


@pytest.fixture
def magento() -> Iterator[Magento]:
    shop = Magento()
    app = Starlette(routes=[Route("/rest/V1/orders", shop.answer)])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        shop.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield shop
        finally:
            server.should_exit = True
            with contextlib.suppress(RuntimeError):
                thread.join(10)


@pytest.fixture
def installation(magento: Magento, tmp_path: Path) -> Installation:
    """What the walkthrough tells a person to do, and nothing else."""
    project = copy_project(tmp_path / "dbt_project", lean_project("fct_order_lines"))
    staging = project / "models" / "staging" / "magento"
    shutil.copytree(EXAMPLE / "dbt", staging)
    records = project / "models" / "intermediate"
    for path in staging.glob("int_*.sql"):
        folder = "records" if path.stem.endswith("_classified") else "orders"
        path.rename(records / folder / path.name)
    seed = project / "seeds" / "order_status_map.csv"
    seed.write_text(seed.read_text() + (EXAMPLE / "order_status_map.csv").read_text())
    config = project / "dbt_project.yml"
    text = config.read_text().replace(
        "  source_entities:\n", "  source_entities:\n    magento: [orders, order_lines]\n"
    )
    for shape in ("orders", "order_lines"):
        text = text.replace(f"\n    {shape}: [tmall", f"\n    {shape}: [magento, tmall", 1)
        text = text.replace(f"\n    {shape}: [online", f"\n    {shape}: [magento, online", 1)
    config.write_text(text)
    home = tmp_path / "home"
    home.mkdir()
    shop = yaml.safe_load((EXAMPLE / "fourflow.yml").read_text())
    account = shop["sources"]["magento"]["accounts"]["magento_shop"]
    account["source"] = f"{EXAMPLE / 'magento.py'}:magento"
    account["arguments"] |= {"base_url": magento.url, "page_size": 3}
    (home / "fourflow.yml").write_text(yaml.safe_dump(shop))
    return Installation(
        home,
        {
            "FOURFLOW_DBT_PROJECT": str(project),
            "FOURFLOW_CONFIG": str(home / "fourflow.yml"),
            "MAGENTO_TOKEN": TOKEN,
        },
    )


def test_magento_is_a_channel_after_one_run(magento: Magento, installation: Installation):
    for number in range(1, 9):
        magento.place(number, f"2026-03-0{number} 12:00:00")
    magento.place(3, "2026-03-20 12:00:00", status="never_heard_of")
    installation.run("run")
    rows = installation.tuples(
        "select order_key, channel, order_status, gross_amount, line_count "
        "from fct_orders order by 1"
    )
    assert [(key, channel, str(amount), lines) for key, channel, _, amount, lines in rows] == [
        (f"magento:{number:09d}", "magento_shop", f"{10 * number + 0.5:.2f}", 1)
        for number in range(1, 9)
    ]
    assert [status for _, _, status, _, _ in rows] == [
        "unknown" if number == 3 else "paid" for number in range(1, 9)
    ]


def read(installation: Installation) -> AccountReport:
    source = load_configuration(installation.settings).source("magento")
    (account,) = source.accounts.items()
    reading = Reading("magento", account[0], datetime.now(UTC))
    return load_account(installation.settings, find_connector("dlt"), account[1], reading)


def test_the_source_goes_on_where_it_stood(
    magento: Magento, installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAGENTO_TOKEN", TOKEN)
    for number in range(1, 9):
        magento.place(number, f"2026-03-0{number} 12:00:00")
    assert read(installation).record_count == 8
    magento.asked.clear()
    magento.place(3, "2026-03-20 12:00:00", status="closed")
    magento.place(9, "2026-03-21 12:00:00")
    assert read(installation).problems == ()
    assert set(magento.asked) == {"2026-03-08 12:00:00"}
    held = current_records(
        installation.settings, "magento_orders", "increment_id", version="updated_at"
    )
    assert len(held) == 9
    assert [o["status"] for o in held if o["increment_id"] == "000000003"] == ["closed"]


def test_wrong_token_is_one_sentence_and_moves_nothing(
    magento: Magento, installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    magento.place(1, "2026-03-01 12:00:00")
    monkeypatch.setenv("MAGENTO_TOKEN", "stale")
    report = read(installation)
    assert report.record_count == 0
    (problem,) = report.problems
    assert "401" in problem
    assert "\n" not in problem
    monkeypatch.setenv("MAGENTO_TOKEN", TOKEN)
    assert read(installation).record_count == 1
