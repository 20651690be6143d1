"""Pushes as the platforms would send them, signed without Fourflow's own signing code.

`PushWorld` has one account a platform, with credentials of its own; numbered pushes of any of them
are the same bytes whenever they are asked for again, so a duplicate is the same push once more.
"""

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from connectors.inbox.protocol import InboxAccount
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings

KINDS = (
    "shopify", "woocommerce", "douyin", "kuaidi100", "sf_express", "alipay", "wechat_pay", "stripe",
    "wechat_store",
)  # fmt: skip
WECHAT_STORE_APPID = "wx00000000000000bb"
SIGNED_TIME = ("wechat_pay", "stripe", "wechat_store")


@dataclass(frozen=True)
class SentPush:
    """One HTTP request."""

    kind: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/inbox/{self.kind}/main" + (f"?{self.query}" if self.query else "")

    def forged(self) -> "SentPush":
        """The same with another content and the old signature, or without the token."""
        if self.kind == "sf_express":
            return replace(self, query="token=guessed")
        at = len(self.body) // 2
        changed = self.body[:at] + (b"0" if self.body[at : at + 1] != b"0" else b"1")
        return replace(self, body=changed + self.body[at + 1 :])


class PushWorld:
    """The accounts and what they send."""

    def __init__(self, seed: str = "pushes", key: rsa.RSAPrivateKey | None = None) -> None:
        self._seed = seed
        self._given_key = key
        self._makers: dict[str, Callable[[int, int], SentPush]] = {
            "shopify": self._shopify,
            "woocommerce": self._woocommerce,
            "douyin": self._douyin,
            "kuaidi100": self._kuaidi100,
            "sf_express": self._sf_express,
            "alipay": self._alipay,
            "wechat_pay": self._wechat_pay,
            "stripe": self._stripe,
            "wechat_store": self._wechat_store,
        }

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return self._given_key or rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def save(self, path: Path) -> None:
        """Write the world down, for another process."""
        key = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_text(json.dumps({"seed": self._seed, "key": key.decode()}), encoding="ascii")

    @classmethod
    def load(cls, path: Path) -> "PushWorld":
        """The world that `save` wrote."""
        saved = json.loads(path.read_text(encoding="ascii"))
        key = serialization.load_pem_private_key(saved["key"].encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return cls(saved["seed"], key)

    @property
    def public_key(self) -> str:
        """PEM of the key that Alipay and WeChat Pay sign with in this world."""
        return (
            self._key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def accounts(self) -> list[InboxAccount]:
        """What the inbox is configured with."""
        secrets = {
            "shopify": {"webhook_secret": self._secret("shopify")},
            "woocommerce": {"webhook_secret": self._secret("woocommerce")},
            "douyin": {"app_key": "3409409348479354011", "app_secret": self._secret("douyin")},
            "kuaidi100": {"push_salt": self._secret("kuaidi100")},
            "sf_express": {"push_token": self._secret("sf_express")},
            "alipay": {"alipay_public_key": self.public_key, "app_id": "2021000000000001"},
            "wechat_pay": {
                "platform_public_key": self.public_key,
                "platform_serial": "PLATFORM1",
                "api_v3_key": self._secret("wechat_pay"),
                "merchant_id": "1900000001",
            },
            "stripe": {"webhook_secret": self._secret("stripe")},
            "wechat_store": {
                "push_token": self._secret("wechat_store"),
                "push_aes_key": base64.b64encode(self._aes_key).decode().rstrip("="),
                "appid": WECHAT_STORE_APPID,
            },
        }
        return [InboxAccount(kind, "main", kind, secrets[kind]) for kind in KINDS]

    def push(self, kind: str, number: int, *, at: float | None = None) -> SentPush:
        """Push `number` of a platform, signed at epoch second `at` (default now)."""
        return self._makers[kind](number, int(time.time() if at is None else at))

    def _secret(self, kind: str) -> str:
        return hashlib.sha256(f"{self._seed}/{kind}".encode()).hexdigest()[:32]

    @property
    def _aes_key(self) -> bytes:
        return hashlib.sha256(f"{self._seed}/wechat_store/aes".encode()).digest()

    def _rsa(self, message: bytes) -> str:
        signature = self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()

    def _hmac(self, kind: str, body: bytes) -> bytes:
        return hmac.digest(self._secret(kind).encode(), body, "sha256")

    def _shopify(self, number: int, at: int) -> SentPush:
        lines = [{"id": number * 10 + n, "sku": f"SKU-{n}", "price": "19.90"} for n in range(8)]
        body = _json({"id": number, "name": f"#{number}", "total_price": "159.20", "lines": lines})
        return SentPush(
            "shopify",
            body,
            {
                "X-Shopify-Topic": "orders/updated",
                "X-Shopify-Webhook-Id": f"webhook-{number}",
                "X-Shopify-Triggered-At": "2026-11-21T10:00:00Z",
                "X-Shopify-Hmac-Sha256": base64.b64encode(self._hmac("shopify", body)).decode(),
            },
        )

    def _woocommerce(self, number: int, at: int) -> SentPush:
        body = _json({"id": number, "status": "processing", "total": "88.00"})
        return SentPush(
            "woocommerce",
            body,
            {
                "X-WC-Webhook-Topic": "order.updated",
                "X-WC-Webhook-Delivery-ID": f"delivery-{number}",
                "X-WC-Webhook-Signature": base64.b64encode(
                    self._hmac("woocommerce", body)
                ).decode(),
            },
        )

    def _douyin(self, number: int, at: int) -> SentPush:
        data = json.dumps({"p_id": 6_900_000_000_000_000_000 + number, "order_status": 2})
        body = _json([{"tag": "101", "msg_id": f"message-{number}", "data": data}])
        framed = b"3409409348479354011" + body + self._secret("douyin").encode()
        return SentPush(
            "douyin",
            body,
            {"app-id": "3409409348479354011", "event-sign": hashlib.md5(framed).hexdigest()},
        )

    def _kuaidi100(self, number: int, at: int) -> SentPush:
        scans = [{"time": "2026-11-21 10:00:00", "context": "已签收", "status": "签收"}] * 6
        param = json.dumps(
            {"status": "polling", "lastResult": {"nu": f"YT{number:013d}", "data": scans}},
            ensure_ascii=False,
        )
        sign = hashlib.md5((param + self._secret("kuaidi100")).encode()).hexdigest().upper()
        return SentPush("kuaidi100", urlencode({"sign": sign, "param": param}).encode())

    def _sf_express(self, number: int, at: int) -> SentPush:
        route = {"mailno": f"SF{number:013d}", "opCode": "50", "id": str(number)}
        body = _json({"Body": {"WaybillRoute": [route]}})
        return SentPush("sf_express", body, query=f"token={self._secret('sf_express')}")

    def _alipay(self, number: int, at: int) -> SentPush:
        fields = {
            "notify_id": f"notify-{number}",
            "notify_type": "trade_status_sync",
            "notify_time": "2026-11-21 10:00:00",
            "app_id": "2021000000000001",
            "out_trade_no": f"T{number}",
            "subject": "第一件 商品 & 赠品",
            "total_amount": "88.88",
            "charset": "utf-8",
        }
        text = "&".join(f"{key}={fields[key]}" for key in sorted(fields))
        signed = {**fields, "sign_type": "RSA2", "sign": self._rsa(text.encode())}
        return SentPush("alipay", urlencode(signed).encode())

    def _wechat_pay(self, number: int, at: int) -> SentPush:
        plain = _json({"mchid": "1900000001", "out_trade_no": f"T{number}", "total": 8888})
        key, nonce = self._secret("wechat_pay").encode(), f"{number:012d}"
        ciphertext = AESGCM(key).encrypt(nonce.encode(), plain, b"transaction")
        body = _json(
            {
                "id": f"notification-{number}",
                "create_time": "2026-11-21T18:00:00+08:00",
                "event_type": "TRANSACTION.SUCCESS",
                "resource_type": "encrypt-resource",
                "resource": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(ciphertext).decode(),
                    "associated_data": "transaction",
                    "nonce": nonce,
                    "original_type": "transaction",
                },
            }
        )
        return SentPush(
            "wechat_pay",
            body,
            {
                "Wechatpay-Timestamp": str(at),
                "Wechatpay-Nonce": f"nonce{number}",
                "Wechatpay-Serial": "PLATFORM1",
                "Wechatpay-Signature": self._rsa(f"{at}\nnonce{number}\n".encode() + body + b"\n"),
            },
        )

    def _stripe(self, number: int, at: int) -> SentPush:
        body = _json(
            {"id": f"evt_{number}", "type": "charge.succeeded", "created": 1763719200, "data": {}}
        )
        signature = self._hmac("stripe", f"{at}.".encode() + body).hex()
        return SentPush("stripe", body, {"Stripe-Signature": f"t={at},v1={signature}"})

    def _wechat_store(self, number: int, at: int) -> SentPush:
        message = _json(
            {
                "ToUserName": "gh_97417a04a28d",
                "CreateTime": 1763719200,
                "MsgType": "event",
                "Event": "channels_ec_order_pay",
                "order_info": {
                    "order_id": 3_700_000_000_000_000_000 + number,
                    "pay_time": 1763719199,
                },
            }
        )
        plain = bytes(16) + len(message).to_bytes(4, "big") + message + WECHAT_STORE_APPID.encode()
        padding = 32 - len(plain) % 32
        encryptor = Cipher(AES(self._aes_key), CBC(self._aes_key[:16])).encryptor()
        sealed = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
        encrypted = base64.b64encode(sealed).decode()
        parts = sorted([self._secret("wechat_store"), str(at), f"nonce{number}", encrypted])
        signature = hashlib.sha1("".join(parts).encode()).hexdigest()
        query = {"timestamp": at, "nonce": f"nonce{number}", "encrypt_type": "aes"}
        return SentPush(
            "wechat_store",
            _json({"ToUserName": "gh_97417a04a28d", "Encrypt": encrypted}),
            query=urlencode(query | {"msg_signature": signature}),
        )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def landed_pushes(settings: Settings) -> "Counter[tuple[str, int]]":
    """How often each push is in bronze, by platform and number."""
    found: Counter[tuple[str, int]] = Counter()
    with connect_snapshot(settings) as lake:
        for kind in KINDS:
            rows = lake.execute(
                f"select payload from lake.bronze.{kind}_pushes where _dlt_load_id in "
                "(select load_id from lake.bronze._dlt_loads where status = 0)"
            ).fetchall()
            found.update((kind, _number_of(kind, row[0])) for row in rows)
    return found


def _number_of(kind: str, payload: str) -> int:
    content = json.loads(payload)
    if kind == "douyin":
        return int(content["msg_id"].removeprefix("message-"))
    if kind == "kuaidi100":
        return int(content["lastResult"]["nu"].removeprefix("YT"))
    if kind == "wechat_store":
        return int(content["order_info"]["order_id"]) - 3_700_000_000_000_000_000
    if kind == "sf_express":
        return int(content["Body"]["WaybillRoute"][0]["id"])
    key = "notify_id" if kind == "alipay" else "id"
    return int(str(content[key]).rpartition("-")[2].removeprefix("evt_"))
