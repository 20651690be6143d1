"""`fourflow tracking-link`: the address on which a customer follows the parcels of an order."""

from datetime import timedelta
from typing import Annotated

import typer

from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json
from orchestration.run_state import utc_now
from orchestration.tracking.links import VALID_FOR, links_from_settings

_SQL = (
    "select order_key from fct_orders where order_key = $order or order_no = $order "
    "order by order_key limit 2"
)


def tracking_link(
    order: Annotated[str, typer.Argument(help="The order's number or key.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days until it ends.")] = VALID_FOR.days,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Print a signed link to the parcels of an order; `fourflow up` serves it."""
    settings = load_settings()
    with open_published(settings) as lake:
        found = [str(row["order_key"]) for row in lake.rows(_SQL, {"order": order.strip()})]
    if len(found) != 1:
        many = "Several orders have" if found else "No published order has"
        raise InputError(f"{many} the number {order!r}; give its key, such as taobao:1234567890.")
    links = links_from_settings(settings)
    link = links.issue(found[0], now=utc_now(), valid_for=timedelta(days=days))
    if json:
        print_json({"order_key": link.order_key, "url": link.url, "expires_at": link.expires_at})
        return
    typer.echo(link.url)
