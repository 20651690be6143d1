"""Business systems as targets: whatever breaks on the way, each decision has its effect once.

The simulated systems take no key that the real ones don't take, so a delivery that is repeated
without a look is there twice and seen here.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, insert, select

from connectors.database.engine import open_database, write_transaction
from connectors.database.schema import decisions, outbox
from connectors.errors import PermanentError, TransientError
from connectors.sandbox.platforms import SITES
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import Settings
from connectors.sinks import platform as platform_module
from connectors.sinks.documents import Shipment
from connectors.sinks.platform import PlatformSink, find_platform
from orchestration.decisions.courier import RetryPolicy
from orchestration.decisions.outbox import deliver
from tests.platform_accounts import config_of

pytestmark = pytest.mark.integration

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=12, orders_per_day=60, product_count=40)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EAGER = RetryPolicy(max_attempts=200, first_delay=timedelta(0), rate_limits={})
# Every third request goes wrong, many of them after their effect.
FAULTS = Faults(
    drop=0.04, too_many=0.03, server_error=0.03, throttled=0.03, unavailable=0.03, truncated=0.05,
    html=0.03, lost_answer=0.1, seed=11,
)  # fmt: skip
NUMBER = 12
_MORE: dict[str, dict[str, Any]] = {
    "erpnext": {"company": "Sandbox"},
    "shopify": {"shop_domain": "sandbox.myshopify.com"},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as served:
        yield served


@pytest.fixture(autouse=True)
def _quiet(sandbox: ServedSandbox) -> Iterator[None]:
    yield
    sandbox.control(faults=Faults())


@pytest.fixture
def database(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings)
    yield engine
    engine.dispose()


def sink_of(platform: str, sandbox: ServedSandbox, **changes: Any) -> PlatformSink:
    found = find_platform(platform)
    keys = config_of(platform, sandbox, attempts=1, **_MORE.get(platform, {}), **changes)
    account = found.config.model_validate(keys)
    return PlatformSink(platform, {"main": lambda: found.connect("main", account)})


def payload(number: int, kind: str, **fields: str) -> dict[str, Any]:
    return {
        "type": "decision.replenish",
        "timestamp": NOW.isoformat(),
        "data": {
            "decision_id": f"{number:064x}", "rule_id": "replenish", "rule_version": 1,
            "message": {"en": f"Order {number}", "zh": f"订单 {number}"},
            "action": {"type": kind, "to": None, "fields": fields},
        },
    }  # fmt: skip


def fill(engine: Engine, sink: str, payloads: list[dict[str, Any]]) -> list[str]:
    """Decisions that are due; returns their keys."""
    ids = [one["data"]["decision_id"] for one in payloads]
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions), [
            {"decision_id": one, "rule_id": "r", "rule_version": 1, "kind": "replenish",
             "subject": one, "occurrence": "once", "occurred_at": NOW, "publication_id": "p",
             "snapshot_id": 1, "explanation": {}, "message": {}, "state": "proposed",
             "created_at": NOW, "updated_at": NOW}
            for one in ids
        ])  # fmt: skip
        connection.execute(insert(outbox), [
            {"decision_id": one, "sink": sink, "idempotency_key": f"{sink}_{one}",
             "payload": wanted, "state": "pending", "attempts": 0, "next_attempt_at": NOW,
             "created_at": NOW, "updated_at": NOW}
            for one, wanted in zip(ids, payloads, strict=True)
        ])  # fmt: skip
    return [f"{sink}_{one}" for one in ids]


def deliver_all(engine: Engine, sink: PlatformSink) -> Counter[str]:
    """Deliver until nothing is due any more; the states of the deliveries."""
    for round_number in range(40):
        deliver(
            engine,
            {sink.name: sink},
            now=NOW + timedelta(hours=round_number),
            worker_id="w",
            policy=EAGER,
        )
        with engine.connect() as connection:
            states = Counter(connection.execute(select(outbox.c.state)).scalars())
        if not states["pending"]:
            break
    return states


def skus(sandbox: ServedSandbox) -> list[str]:
    """Articles that the simulated ERP has."""
    sink = sink_of("odoo", sandbox)
    target: Any = sink._target("main")
    found = target._gateway.call(
        "product.product", "search_read", {"domain": [], "fields": ["default_code"]}
    )
    return [record["default_code"] for record in found]


def purchase(number: int, sku: str, kind: str = "create_purchase_order") -> dict[str, Any]:
    return payload(number, kind, sku=sku, site="wh_east", quantity=str(10 + number))


def written(sandbox: ServedSandbox, platform: str, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.written()[platform][what]
    return found


def test_odoo_has_each_purchase_order_once_whatever_breaks(
    sandbox: ServedSandbox, database: Engine
) -> None:
    articles = skus(sandbox)
    wanted = [purchase(n, articles[n]) for n in range(NUMBER)]
    keys = fill(database, "odoo", wanted)
    sandbox.control(faults=FAULTS)
    states = deliver_all(database, sink_of("odoo", sandbox))
    faults = sum(n for name, n in sandbox.counters().items() if "odoo.fault" in name)
    sandbox.control(faults=Faults())
    assert states == {"delivered": NUMBER}
    assert faults > NUMBER
    orders = [o for o in written(sandbox, "odoo", "purchase.order") if o["origin"] in keys]
    assert Counter(order["origin"] for order in orders) == Counter(keys)
    assert {order["state"] for order in orders} == {"purchase"}
    lines = {o["order_id"][0]: o for o in written(sandbox, "odoo", "purchase.order.line")}
    ordered = {o["origin"]: lines[o["id"]]["product_qty"] for o in orders}
    assert ordered == {key: 10.0 + n for n, key in enumerate(keys)}


@pytest.mark.parametrize(
    ("model", "field", "kind", "fields"),
    [
        ("purchase.order", "origin", "request_purchase", {"quantity": "3", "site": "wh_east"}),
        (
            "stock.picking",
            "origin",
            "create_transfer",
            {"quantity": "3", "from_site": "wh_east", "to_site": SITES[1]},
        ),
        (
            "account.move",
            "ref",
            "create_invoice",
            {"customer_no": "1000", "order_no": "A1", "amount": "12.30", "currency_code": "CNY"},
        ),
        ("mail.activity", "note", "create_task", {"due_on": "2026-12-01"}),
    ],
)
def test_odoo_finds_what_it_has_and_doubles_nothing(
    sandbox: ServedSandbox, model: str, field: str, kind: str, fields: dict[str, str]
) -> None:
    sink, key = sink_of("odoo", sandbox), f"odoo_{kind}"
    wanted = payload(900, kind, sku=skus(sandbox)[0], **fields)
    assert sink.find(key, wanted) is None
    receipt = sink.deliver(key, wanted)
    assert receipt.outcome == "accepted"
    found = sink.find(key, wanted)
    assert found is not None
    assert (found.outcome, found.detail) == ("duplicate", receipt.detail)
    # Another action of the same decision has a key that begins alike.
    assert sink.find(f"{key}_2", wanted) is None
    assert sum(key in one[field] for one in written(sandbox, "odoo", model)) == 1


def test_odoo_is_asked_to_confirm_what_a_killed_worker_left_as_a_draft(
    sandbox: ServedSandbox,
) -> None:
    sink, sku = sink_of("odoo", sandbox), skus(sandbox)[0]
    draft = sink.deliver("odoo_left", purchase(901, sku, "request_purchase"))
    assert draft.detail["state"] == "draft"
    found = sink.find("odoo_left", purchase(901, sku))
    assert found is not None
    assert found.detail["state"] == "purchase"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sku": "no-such", "site": "wh_east", "quantity": "1"}, "no article no-such"),
        ({"sku": "", "site": "wh_east", "quantity": "1"}, "field sku"),
        ({"site": "wh_east", "quantity": "1"}, "field sku of the action"),
        ({"sku": "x", "site": "wh_east", "quantity": "0"}, "field quantity"),
        ({"sku": "x", "site": "wh_east", "quantity": "1", "account": "other"}, "known are main"),
    ],
)
def test_what_cannot_be_ordered_is_refused_in_one_sentence(
    sandbox: ServedSandbox, fields: dict[str, str], words: str
) -> None:
    with pytest.raises(PermanentError, match=words) as caught:
        sink_of("odoo", sandbox).deliver("k", payload(1, "create_purchase_order", **fields))
    assert str(caught.value).count(". ") == 0


def test_a_wrong_key_is_permanent_and_a_silent_server_is_not(sandbox: ServedSandbox) -> None:
    wanted = purchase(902, skus(sandbox)[0])
    with pytest.raises(PermanentError, match="api_key"):
        sink_of("odoo", sandbox, api_key="wrong").deliver("k", wanted)
    nowhere = sink_of("odoo", sandbox, base_url="http://127.0.0.1:9")
    with pytest.raises(TransientError, match="could not be reached"):
        nowhere.deliver("k", wanted)


def test_erpnext_has_each_purchase_order_once_whatever_breaks(
    sandbox: ServedSandbox, database: Engine
) -> None:
    articles = skus(sandbox)
    wanted = [
        payload(n, "create_purchase_order", sku=articles[n], site=SITES[0], quantity=str(10 + n),
                supplier_no="Supplier A", unit_price="1.25")
        for n in range(NUMBER)
    ]  # fmt: skip
    keys = fill(database, "erpnext", wanted)
    sandbox.control(faults=FAULTS)
    states = deliver_all(database, sink_of("erpnext", sandbox))
    sandbox.control(faults=Faults())
    assert states == {"delivered": NUMBER}
    assert sum(n for name, n in sandbox.counters().items() if "erpnext.fault" in name) > 5
    orders = [o for o in written(sandbox, "erpnext", "Purchase Order") if o["fourflow_key"] in keys]
    assert {o["fourflow_key"]: o["items"][0]["qty"] for o in orders} == {
        key: 10.0 + n for n, key in enumerate(keys)
    }
    assert len(orders) == NUMBER
    assert {order["docstatus"] for order in orders} == {1}


def test_erpnext_refuses_the_same_key_of_two_workers(sandbox: ServedSandbox) -> None:
    """The second looks before the first has written; uniqueness in ERPNext decides."""
    sink, sku = sink_of("erpnext", sandbox), skus(sandbox)[0]
    wanted = payload(920, "request_purchase", sku=sku, site=SITES[0], quantity="1")
    target: Any = sink._target("main")
    look, first = target._found, True

    def late(doctype: str, key: str) -> Any:
        nonlocal first
        if first:
            first = False
            assert sink_of("erpnext", sandbox).deliver(key, wanted).outcome == "accepted"
            return None
        return look(doctype, key)

    target._found = late
    assert sink.deliver("erpnext_race", wanted).outcome == "duplicate"
    requests = written(sandbox, "erpnext", "Material Request")
    assert sum(one["fourflow_key"] == "erpnext_race" for one in requests) == 1


def test_erpnext_without_the_field_of_the_key_is_told_before_anything_is_made(
    sandbox: ServedSandbox,
) -> None:
    wanted = payload(
        921, "create_transfer", sku=skus(sandbox)[0], from_site=SITES[0], to_site=SITES[1],
        quantity="2",
    )  # fmt: skip
    sandbox.control(options={"erpnext": {"has_key_field": False}})
    try:
        with pytest.raises(PermanentError, match="add the custom field fourflow_key"):
            sink_of("erpnext", sandbox).deliver("erpnext_no_field", wanted)
        assert written(sandbox, "erpnext", "Stock Entry") == []
    finally:
        sandbox.control(options={"erpnext": {"has_key_field": True}})
    assert sink_of("erpnext", sandbox).deliver("erpnext_no_field", wanted).outcome == "accepted"
    with pytest.raises(PermanentError, match="Could not find Warehouse"):
        sink_of("erpnext", sandbox).deliver(
            "erpnext_nowhere",
            payload(922, "request_purchase", sku=skus(sandbox)[0], site="moon", quantity="1"),
        )
    with pytest.raises(PermanentError, match="api_secret"):
        sink_of("erpnext", sandbox, api_secret="wrong").deliver("k", wanted)


def sold_lines(sandbox: ServedSandbox, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Sales orders that the ERP has, by the shop's number, each with its first line."""
    target: Any = sink_of("odoo", sandbox)._target("main")
    call = target._gateway.call
    orders = call("sale.order", "search_read", {
        "domain": [["state", "=", "sale"]], "fields": ["client_order_ref", "partner_shipping_id"],
        "order": "id asc", "limit": count,
    })  # fmt: skip
    lines = call("sale.order.line", "search_read", {
        "domain": [["order_id", "in", [order["id"] for order in orders]]],
        "fields": ["order_id", "product_id", "product_uom_qty"],
    })  # fmt: skip
    first: dict[int, dict[str, Any]] = {}
    for line in orjson.loads(orjson.dumps(lines)):
        first.setdefault(line["order_id"][0], line)
    return [(order["client_order_ref"], order | {"line": first[order["id"]]}) for order in orders]


def drop_shipment(number: int, order_no: str, line: dict[str, Any], **more: str) -> dict[str, Any]:
    return payload(
        number, "create_drop_shipment", order_no=order_no, address_key=f"shop:{order_no}",
        sku=line["product_id"][1].split("] ")[0].removeprefix("["),
        quantity=str(int(line["product_uom_qty"])), supplier_no="1", unit_price="9.5",
        currency_code="CNY", **more,
    )  # fmt: skip


def recall(number: int, purchase: dict[str, Any]) -> dict[str, Any]:
    fields = purchase["data"]["action"]["fields"]
    return payload(
        number, "recall_drop_shipment", order_no=fields["order_no"],
        purchase_decision_id=purchase["data"]["decision_id"],
    )  # fmt: skip


def test_odoo_buys_for_the_customers_address_once_and_calls_back_once_whatever_breaks(
    sandbox: ServedSandbox, database: Engine
) -> None:
    sold = sold_lines(sandbox, 6)
    wanted = [drop_shipment(300 + n, no, one["line"]) for n, (no, one) in enumerate(sold)]
    keys = fill(database, "odoo", wanted)
    sandbox.control(faults=FAULTS)
    assert deliver_all(database, sink_of("odoo", sandbox)) == {"delivered": 6}
    sandbox.control(faults=Faults())
    orders = {o["origin"]: o for o in written(sandbox, "odoo", "purchase.order")
              if o["origin"] in keys}  # fmt: skip
    lines = {o["order_id"][0]: o for o in written(sandbox, "odoo", "purchase.order.line")}
    assert len(orders) == len(keys) == sum(
        o["origin"] in keys for o in written(sandbox, "odoo", "purchase.order")
    )  # fmt: skip
    for key, (_, one) in zip(keys, sold, strict=True):
        bought, line = orders[key], lines[orders[key]["id"]]
        assert bought["state"] == "purchase"
        assert bought["picking_type_id"][1] == "Dropship"
        assert bought["dest_address_id"] == one["partner_shipping_id"]
        assert line["sale_line_id"][0] == one["line"]["id"]
        assert line["product_id"][0] == one["line"]["product_id"][0]
        assert (line["product_qty"], line["price_unit"]) == (one["line"]["product_uom_qty"], 9.5)
    # Half of them are called back, through the same breaking lines.
    back = [recall(310 + n, purchase) for n, purchase in enumerate(wanted[:3])]
    fill(database, "odoo", back)
    sandbox.control(faults=FAULTS)
    assert deliver_all(database, sink_of("odoo", sandbox)) == {"delivered": 9}
    sandbox.control(faults=Faults())
    after = {o["origin"]: o["state"] for o in written(sandbox, "odoo", "purchase.order")}
    assert [after[key] for key in keys] == ["cancel"] * 3 + ["purchase"] * 3
    sink = sink_of("odoo", sandbox)
    assert sink.deliver("odoo_again", back[0]).outcome == "duplicate"
    # Who never got the purchase has nothing to do.
    never = recall(320, drop_shipment(321, *sold[0][:1], sold[0][1]["line"]))
    assert sink.find("odoo_never", never) is None
    assert sink.deliver("odoo_never", never).detail["state"] == "none"


def test_odoo_keeps_a_purchase_that_can_be_called_back_no_more(sandbox: ServedSandbox) -> None:
    (no, one), *_ = sold_lines(sandbox, 1)
    sink = sink_of("odoo", sandbox)
    locked, merged = (drop_shipment(330 + n, no, one["line"]) for n in range(2))
    key = f"odoo_{locked['data']['decision_id']}_2"
    name = sink.deliver(key, locked).detail["name"]
    sandbox.control(options={"odoo": {"lock_confirmed": True}})
    try:
        with pytest.raises(PermanentError, match=f"{name} can't be cancelled any more.*unlock"):
            sink.deliver("odoo_back", recall(332, locked))
    finally:
        sandbox.control(options={"odoo": {"lock_confirmed": False}})
    # Unlocked by a person, it goes; its key was that of a second action.
    assert sink.deliver("odoo_back", recall(332, locked)).detail["state"] == "cancel"
    # Whoever joined two orders has both keys in one: cancelling would take the other's goods.
    together = f"odoo_{merged['data']['decision_id']}, odoo_{'f' * 64}"
    sink.deliver(together, merged)
    with pytest.raises(PermanentError, match="together with what others ordered"):
        sink.deliver("odoo_both", recall(333, merged))
    with pytest.raises(PermanentError, match="has no sales order no-such that isn't cancelled"):
        sink.deliver("k", drop_shipment(334, "no-such", one["line"]))
    other = dict(one["line"]) | {"product_id": [0, f"[{absent_from(sandbox, one)}] x"]}
    with pytest.raises(PermanentError, match="has no line of"):
        sink.deliver("k", drop_shipment(335, no, other))


def absent_from(sandbox: ServedSandbox, order: dict[str, Any]) -> str:
    """An article that a sales order does not ask for."""
    target: Any = sink_of("odoo", sandbox)._target("main")
    lines = target._gateway.call("sale.order.line", "search_read", {
        "domain": [["order_id", "=", order["id"]]], "fields": ["product_id"],
    })  # fmt: skip
    asked = {line["product_id"][1] for line in lines}
    return next(sku for sku in skus(sandbox) if sku not in asked)


def test_erpnext_buys_for_the_customers_address_once_and_calls_back_once_whatever_breaks(
    sandbox: ServedSandbox, database: Engine
) -> None:
    sold = sold_lines(sandbox, 6)
    wanted = [drop_shipment(400 + n, no, one["line"]) for n, (no, one) in enumerate(sold)]
    keys = fill(database, "erpnext", wanted)
    sandbox.control(faults=FAULTS)
    assert deliver_all(database, sink_of("erpnext", sandbox)) == {"delivered": 6}
    back = [recall(410 + n, purchase) for n, purchase in enumerate(wanted[:3])]
    fill(database, "erpnext", back)
    assert deliver_all(database, sink_of("erpnext", sandbox)) == {"delivered": 9}
    sandbox.control(faults=Faults())
    orders = [o for o in written(sandbox, "erpnext", "Purchase Order") if o["fourflow_key"] in keys]
    assert Counter(order["fourflow_key"] for order in orders) == Counter(keys)
    by_key = {order["fourflow_key"]: order for order in orders}
    for key, (_, one) in zip(keys, sold, strict=True):
        (item,) = by_key[key]["items"]
        buyer = one["partner_shipping_id"][1]
        assert by_key[key]["customer"] == buyer
        assert by_key[key]["shipping_address"] == f"{buyer}-Shipping"
        assert (item["delivered_by_supplier"], item["rate"]) == (1, 9.5)
        assert item["sales_order_item"] == f"soi{one['line']['id']:08d}"
        assert item["qty"] == one["line"]["product_uom_qty"]
        assert "warehouse" not in item
    assert [by_key[key]["docstatus"] for key in keys] == [2] * 3 + [1] * 3
    sink = sink_of("erpnext", sandbox)
    assert sink.deliver("erpnext_again", back[0]).outcome == "duplicate"
    # What the supplier has sent, or what is invoiced, is nobody's to take back by itself.
    sent, invoiced = (by_key[key]["name"] for key in keys[3:5])
    sandbox.control(options={"erpnext": {"delivered": [sent], "invoiced": [invoiced]}})
    with pytest.raises(PermanentError, match=f"{sent} as Delivered"):
        sink.deliver("erpnext_late", recall(420, wanted[3]))
    with pytest.raises(PermanentError, match=f"{invoiced} can't be cancelled any more.*linked"):
        sink.deliver("erpnext_billed", recall(421, wanted[4]))


def test_erpnext_names_no_customer_in_what_it_refuses(sandbox: ServedSandbox) -> None:
    (no, one), *_ = sold_lines(sandbox, 1)
    sandbox.control(options={"erpnext": {"has_addresses": False}})
    try:
        with pytest.raises(PermanentError, match="Could not find Shipping Address: …") as caught:
            sink_of("erpnext", sandbox).deliver("k", drop_shipment(430, no, one["line"]))
    finally:
        sandbox.control(options={"erpnext": {"has_addresses": True}})
    assert one["partner_shipping_id"][1] not in str(caught.value)


def waits_in_shopify(target: Any, number: str) -> bool:
    asked = Shipment(order_no=number, carrier="SF", tracking_no="none")
    try:
        return bool(target._looked_up(asked)[1])
    except PermanentError:
        return False


def to_ship(sandbox: ServedSandbox, platform: str, count: int) -> list[str]:
    """Orders of the newest days that a shop has been paid for and has not shipped."""
    target: Any = sink_of(platform, sandbox)._target("main")
    if platform == "taobao":
        answer = target._top.call("taobao.trades.sold.get", {
            "fields": "tid,status", "status": "WAIT_SELLER_SEND_GOODS", "page_size": 100,
            "type": "guarantee_trade,fixed,auto_delivery,ec,cod,step",
        })  # fmt: skip
        found = [trade["tid"] for trade in (answer.get("trades") or {}).get("trade") or []]
    elif platform == "shopify":
        query = "{ orders(first: 50, reverse: true) { nodes { legacyResourceId } } }"
        nodes = target._admin.call("orders", query)["orders"]["nodes"]
        numbers = [str(node["legacyResourceId"]) for node in nodes]
        found = [number for number in numbers if waits_in_shopify(target, number)]
    else:
        answer = target._gateway.call(
            "order.searchList", {"page": 0, "size": 100, "combine_status": [{"order_status": "2"}]}
        )
        found = [
            order["order_id"] for order in answer["shop_order_list"] if not order["logistics_info"]
        ]
    assert len(found) >= count, f"{platform} has {len(found)} orders to ship"
    return [str(number) for number in found[:count]]


@pytest.mark.parametrize("platform", ["taobao", "douyin", "shopify"])
def test_shop_is_told_of_each_shipment_once_whatever_breaks(
    sandbox: ServedSandbox, database: Engine, platform: str
) -> None:
    orders = to_ship(sandbox, platform, 5)
    wanted = [
        payload(n, "report_shipment", order_no=order, carrier="SF", tracking_no=f"SF{n:012d}")
        for n, order in enumerate(orders)
    ]
    fill(database, platform, wanted)
    sandbox.control(faults=FAULTS)
    states = deliver_all(database, sink_of(platform, sandbox))
    sandbox.control(faults=Faults())
    assert states == {"delivered": 5}
    told = sandbox.written()[platform]["shipments"]
    number = {"taobao": "invoice_no", "douyin": "tracking_no", "shopify": "number"}[platform]
    assert {order: told[order][number] for order in orders} == {
        order: f"SF{n:012d}" for n, order in enumerate(orders)
    }
    calls = Counter(c["shipment"] for c in sandbox.written()[platform]["calls"] if "shipment" in c)
    assert set(calls.values()) == {1}
    # Another number for what has left is nobody's to decide by itself.
    other = payload(99, "report_shipment", order_no=orders[0], carrier="SF", tracking_no="SF9")
    with pytest.raises(PermanentError, match="was shipped as SF000000000000, not as SF9"):
        sink_of(platform, sandbox).deliver("k", other)
    again = sink_of(platform, sandbox).deliver("k", wanted[0])
    assert again.outcome == "duplicate"


@pytest.mark.parametrize("platform", ["taobao", "douyin", "shopify"])
def test_shop_has_the_stock_that_was_decided_last(
    sandbox: ServedSandbox, database: Engine, platform: str
) -> None:
    wanted = [
        payload(n, "update_stock", item_no="600", sku_no=str(700 + n), location_no=str(700 + n),
                quantity=str(5 * n))
        for n in range(6)
    ]  # fmt: skip
    fill(database, platform, wanted)
    sandbox.control(faults=FAULTS)
    states = deliver_all(database, sink_of(platform, sandbox))
    sandbox.control(faults=Faults())
    assert states == {"delivered": 6}
    start = "" if platform == "douyin" else "600:"
    stock = sandbox.written()[platform]["stock"]
    assert {n: stock[f"{start}{700 + n}"] for n in range(6)} == {n: 5 * n for n in range(6)}


@pytest.mark.parametrize(
    ("platform", "secret"), [("taobao", "app_secret"), ("douyin", "app_secret")]
)
def test_shop_refuses_a_forged_signature(
    sandbox: ServedSandbox, platform: str, secret: str
) -> None:
    wanted = payload(1, "update_stock", item_no="600", quantity="1")
    before = len(sandbox.written()[platform]["calls"])
    with pytest.raises(PermanentError, match="signature"):
        sink_of(platform, sandbox, **{secret: "forged"}).deliver("k", wanted)
    assert len(sandbox.written()[platform]["calls"]) == before


def test_shopify_sets_stock_once_a_key_and_only_from_what_was_decided_on(
    sandbox: ServedSandbox,
) -> None:
    sink = sink_of("shopify", sandbox)

    def level(quantity: int, expected: int) -> dict[str, Any]:
        return payload(
            930, "update_stock", item_no="900", location_no="1", quantity=str(quantity),
            expected_quantity=str(expected),
        )  # fmt: skip

    assert sink.deliver("shopify_a", level(9, 0)).outcome == "accepted"
    assert sink.deliver("shopify_b", level(4, 9)).outcome == "accepted"
    # The first again, late: the key is known, so the newer stock stays.
    sink.deliver("shopify_a", level(9, 0))
    with pytest.raises(PermanentError, match="decide anew"):
        sink.deliver("shopify_c", level(7, 9))
    assert sandbox.written()["shopify"]["stock"]["900:1"] == 4
    with pytest.raises(PermanentError, match="location_no"):
        sink.deliver("k", payload(931, "update_stock", item_no="900", quantity="1"))
    with pytest.raises(PermanentError, match="access_token"):
        sink_of("shopify", sandbox, access_token="wrong").deliver("k", level(1, 4))


def test_delivery_that_takes_too_long_writes_nothing(
    sandbox: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease may be another worker's by then."""
    wanted = purchase(940, skus(sandbox)[0])
    sink = sink_of("odoo", sandbox, timeout_seconds=5)
    monkeypatch.setattr(platform_module, "_MOST_SECONDS", -1.0)
    with pytest.raises(TransientError, match="too slowly"):
        sink.deliver("odoo_slow", wanted)
    assert "odoo_slow" not in {o["origin"] for o in written(sandbox, "odoo", "purchase.order")}
