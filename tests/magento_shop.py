"""A Magento shop that answers on this machine, and what a person does to make it a channel.

`docs/add-a-source.md` tells those steps; tests take them by `add_magento` and nothing else.
"""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.settings import PROJECT_ROOT

EXAMPLE = PROJECT_ROOT / "tests" / "examples" / "magento"
TOKEN = "integration-token"


class Magento:
    """A Magento shop as far as its orders go: filter, order, pages, token."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.url = ""

    def place(
        self,
        number: int,
        updated_at: str,
        status: str = "processing",
        created_at: str = "2026-03-01 10:00:00",
    ) -> None:
        """Put an order, or a newer version of it, into the shop; times are UTC."""
        total = 10 * number + 0.5
        order = {
            "increment_id": f"{number:09d}",
            "status": status,
            "grand_total": total,
            "total_paid": total if status != "pending" else None,
            "customer_id": number % 3,
            "created_at": created_at,
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
        """Answer a question for orders as Magento does."""
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


@contextlib.contextmanager
def serve_magento() -> Iterator[Magento]:
    """Serve an empty shop for as long as the block takes."""
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


def add_magento(
    project: Path, home: Path, shop: Magento, *, is_alone: bool = True
) -> dict[str, str]:
    """Do what the walkthrough tells a person to do; returns the environment of its commands.

    Args:
        project: a copy of the dbt project, which gets models, seed rows and entries of the source.
        home: of the installation; gets a fourflow.yml that names this shop alone.
        shop: whose orders are read.
        is_alone: whether its time zone, calendar and currency are those of the business.
    """
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
    described = yaml.safe_load((EXAMPLE / "fourflow.yml").read_text())
    account = described["sources"]["magento"]["accounts"]["magento_shop"]
    account["source"] = f"{EXAMPLE / 'magento.py'}:magento"
    account["arguments"] |= {"base_url": shop.url, "page_size": 3}
    if not is_alone:
        del described["business"]
    (home / "fourflow.yml").write_text(yaml.safe_dump(described))
    return {
        "FOURFLOW_DBT_PROJECT": str(project),
        "FOURFLOW_CONFIG": str(home / "fourflow.yml"),
        "MAGENTO_TOKEN": TOKEN,
    }
