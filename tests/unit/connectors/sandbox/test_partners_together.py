"""Payment providers and carriers in the whole application: truth, options, pushes, faults."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.app import create_app
from connectors.sandbox.servers.credentials import Credentials
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.stages.scanning import describe_scans
from connectors.sandbox.stages.settling import describe_settlement
from connectors.sandbox.world import DAY, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=5, orders_per_day=100)


@pytest.fixture(scope="module")
def retail() -> Retail:
    return Retail(simulate(CONFIG), as_of=CONFIG.end_second + DAY)


@pytest.fixture
def serve_all(retail: Retail, serve_app: Callable[..., Any]) -> Callable[..., Any]:
    """Serves the whole application with the faults given."""

    def make(**shares: float) -> Any:
        return serve_app(create_app(retail, Faults(**shares)))

    return make


def rsa(pem: str, message: str) -> str:
    key: Any = load_pem_private_key(pem.encode(), None)
    return base64.b64encode(key.sign(message.encode(), PKCS1v15(), SHA256())).decode()


def ask_alipay(client: Any, credentials: Credentials) -> Any:
    local = datetime.now(UTC) + timedelta(hours=8)
    given = {
        "app_id": credentials.alipay.app_id,
        "biz_content": '{"bill_type":"trade","bill_date":"2026-06-29"}',
        "charset": "utf-8",
        "method": "alipay.data.dataservice.bill.downloadurl.query",
        "sign_type": "RSA2",
        "timestamp": f"{local:%Y-%m-%d %H:%M:%S}",
        "version": "1.0",
    }
    text = "&".join(f"{name}={value}" for name, value in given.items())
    given["sign"] = rsa(credentials.keys["alipay_app"].private, text)
    body = client.post("/alipay/gateway.do", data=given).json()
    return next(value["code"] for key, value in body.items() if key.endswith("_response"))


def ask_wechat_pay(client: Any, credentials: Credentials) -> Any:
    target = "/wechat_pay/v3/bill/tradebill?bill_date=2026-06-29"
    stamp, nonce = str(int(time.time())), secrets.token_hex(8)
    message = f"GET\n{target}\n{stamp}\n{nonce}\n\n"
    signature = rsa(credentials.keys["wechat_merchant"].private, message)
    merchant = credentials.wechat_pay
    header = (
        f'WECHATPAY2-SHA256-RSA2048 mchid="{merchant.mchid}",nonce_str="{nonce}",'
        f'timestamp="{stamp}",serial_no="{merchant.merchant_serial}",signature="{signature}"'
    )
    response = client.get(target, headers={"authorization": header, "accept": "application/json"})
    return response.json().get("code", "fine")


def ask_sf_express(client: Any, credentials: Credentials) -> Any:
    text = '{"trackingType":"1","trackingNumber":["SF3100000000000"]}'
    stamp = str(int(time.time() * 1000))
    encoded = quote_plus(text + stamp + credentials.sf_express.check_word, safe="*")
    given = {
        "partnerID": credentials.sf_express.partner_id,
        "requestID": secrets.token_hex(8),
        "serviceCode": "EXP_RECE_SEARCH_ROUTES",
        "timestamp": stamp,
        "msgData": text,
        "msgDigest": base64.b64encode(hashlib.md5(encoded.encode()).digest()).decode(),
    }
    return client.post("/sf_express/std/service", data=given).json()["apiResultCode"]


def ask_kuaidi100(client: Any, credentials: Credentials) -> Any:
    customer = credentials.kuaidi100
    param = json.dumps({"com": "yuantong", "num": "YT9999999999999"})
    sign = hashlib.md5((param + customer.key + customer.customer).encode()).hexdigest().upper()
    given = {"customer": customer.customer, "sign": sign, "param": param}
    return client.post("/kuaidi100/poll/query.do", data=given).json()["returnCode"]


ASK = (ask_alipay, ask_wechat_pay, ask_sf_express, ask_kuaidi100)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({}, ["10000", "fine", "A1000", "500"]),
        ({"throttled": 1.0}, ["40005", "FREQUENCY_LIMITED", "A1005", "502"]),
        ({"unavailable": 1.0}, ["20000", "SYSTEM_ERROR", "A1099", "502"]),
    ],
)
def test_flow_control_is_told_in_each_platforms_own_words(
    serve_all: Callable[..., Any],
    retail: Retail,
    shares: dict[str, float],
    words: list[str],
) -> None:
    client = serve_all(**shares)
    assert [ask(client, retail.credentials) for ask in ASK] == words


def test_the_control_route_tells_the_truth_of_bills_and_scans(
    serve_all: Callable[..., Any], retail: Retail
) -> None:
    client = serve_all()
    bills = client.get("/control/truth/bills").json()
    assert bills == describe_settlement(retail.world, retail.settlement, retail.as_of)
    assert len(bills["providers"]["alipay"]) == CONFIG.days
    scans = client.get("/control/truth/scans").json()
    assert scans == describe_scans(retail.world, retail.scans, retail.as_of)
    assert scans["carriers"]["sf"]["scans"] > 0


def test_options_and_pushes_are_changed_by_control(
    serve_all: Callable[..., Any], retail: Retail
) -> None:
    client = serve_all()
    changes = {"options": {"kuaidi100": {"lock_minutes": 30}}, "push": {"kuaidi100": {}}}
    answer = client.post("/control", content=json.dumps(changes)).json()
    assert answer["pushed"] == {"kuaidi100": {"sent": 0, "accepted": 0, "refused": 0}}
    assert retail.options["kuaidi100"]["lock_minutes"] == 30
    for wrong in (
        {"options": {"kuaidi100": {"colour": "red"}}},
        {"options": {"pony": {"speed": 1}}},
        {"push": {"alipay": {}}},
        {"push": {"kuaidi100": {"colour": "red"}}},
    ):
        refused = client.post("/control", content=json.dumps(wrong))
        assert refused.status_code == 400
        assert refused.json()["error"]
