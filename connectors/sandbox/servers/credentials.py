"""The credentials the simulated platforms accept: fixed for demos and tests, and secret to nobody.

RSA keys are not fixed: a server makes them once when it starts and tells them to whoever asks
`GET /control/keys`, so that a connector's configuration can be written from them.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

_KEY_BITS: Final = 2048
SENDER_PHONE: Final = "12000004088"
"""The phone number on every parcel that the retailer sends."""


@dataclass(frozen=True)
class Taobao:
    """What TOP checks; `expired_session` was good once, `poor_session` lacks the permission."""

    app_key: str = "12345678"
    app_secret: str = "sandbox-taobao-secret"
    session: str = "sandbox-taobao-session"
    expired_session: str = "sandbox-taobao-session-expired"
    poor_session: str = "sandbox-taobao-session-poor"


@dataclass(frozen=True)
class Douyin:
    """What the Doudian gateway checks."""

    app_key: str = "3409409348479354011"
    app_secret: str = "sandbox-douyin-secret"
    access_token: str = "sandbox-douyin-token"
    expired_token: str = "sandbox-douyin-token-expired"
    poor_token: str = "sandbox-douyin-token-poor"
    shop_id: str = "4463798"


@dataclass(frozen=True)
class Shopify:
    """What the Admin API checks; `client_secret` signs webhooks."""

    access_token: str = "shpat_sandbox"
    poor_token: str = "shpat_sandbox_poor"
    client_secret: str = "shpss_sandbox"


@dataclass(frozen=True)
class Alipay:
    """The merchant's app at Alipay; its keys are `alipay_app` and `alipay_platform`."""

    app_id: str = "2021000000000001"
    seller_id: str = "2088000000000156"


@dataclass(frozen=True)
class WechatPay:
    """The merchant at WeChat Pay; its keys are `wechat_merchant` and `wechat_platform`."""

    mchid: str = "1900000001"
    appid: str = "wx00000000000000aa"
    merchant_serial: str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
    platform_serial: str = "PUB_KEY_ID_0119000000012024061800000000000001"
    api_v3_key: str = "0123456789abcdef0123456789ABCDEF"


@dataclass(frozen=True)
class Kuaidi100:
    """The customer at Kuaidi100; `salt` signs pushes, `phone` is the sender's of every parcel."""

    customer: str = "SANDBOXCUSTOMER00000000000000001"
    key: str = "SANDBOXKEY01"
    salt: str = "sandbox-salt"
    phone: str = SENDER_PHONE


@dataclass(frozen=True)
class SfExpress:
    """The monthly-account customer at SF; `check_phone_no` ends the sender's phone number."""

    partner_id: str = "SANDBOXPARTNER"
    check_word: str = "sandbox-check-word"
    check_phone_no: str = SENDER_PHONE[-4:]


@dataclass(frozen=True)
class Jd:
    """What JOS checks."""

    app_key: str = "SANDBOXJDKEY"
    app_secret: str = "sandbox-jd-secret"
    access_token: str = "sandbox-jd-token"
    expired_token: str = "sandbox-jd-token-expired"


@dataclass(frozen=True)
class Pdd:
    """What the PDD gateway checks."""

    client_id: str = "sandbox-pdd-client"
    client_secret: str = "sandbox-pdd-secret"
    access_token: str = "sandbox-pdd-token"
    expired_token: str = "sandbox-pdd-token-expired"


@dataclass(frozen=True)
class WechatStore:
    """The shop at WeChat Store; the access token is fetched with id and secret."""

    appid: str = "wx00000000000000bb"
    secret: str = "sandbox-wechat-store-secret"
    access_token: str = "sandbox-wechat-store-token"


@dataclass(frozen=True)
class Woocommerce:
    """A REST key of the shop's own WordPress."""

    consumer_key: str = "ck_sandbox"
    consumer_secret: str = "cs_sandbox"
    webhook_secret: str = "sandbox-woocommerce-webhook"


@dataclass(frozen=True)
class Stripe:
    """A restricted key and the secret of a webhook endpoint."""

    api_key: str = "sk_test_sandbox"
    webhook_secret: str = "whsec_sandbox"


@dataclass(frozen=True)
class Odoo:
    """An API key of the ERP."""

    database: str = "sandbox"
    api_key: str = "sandbox-odoo-key"


@dataclass(frozen=True)
class Erpnext:
    """An API key of the other ERP."""

    api_key: str = "sandbox-erpnext-key"
    api_secret: str = "sandbox-erpnext-secret"


@dataclass(frozen=True)
class RsaKeys:
    """A key pair as PEM text: private PKCS#8, public SubjectPublicKeyInfo."""

    private: str
    public: str

    @classmethod
    def generate(cls) -> "RsaKeys":
        """A fresh pair of 2048 bits."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return cls(private.decode("ascii"), public.decode("ascii"))


@dataclass(frozen=True)
class Credentials:
    """Everything the simulated platforms check, one attribute per platform."""

    taobao: Taobao = field(default_factory=Taobao)
    douyin: Douyin = field(default_factory=Douyin)
    shopify: Shopify = field(default_factory=Shopify)
    alipay: Alipay = field(default_factory=Alipay)
    wechat_pay: WechatPay = field(default_factory=WechatPay)
    kuaidi100: Kuaidi100 = field(default_factory=Kuaidi100)
    sf_express: SfExpress = field(default_factory=SfExpress)
    jd: Jd = field(default_factory=Jd)
    pdd: Pdd = field(default_factory=Pdd)
    wechat_store: WechatStore = field(default_factory=WechatStore)
    woocommerce: Woocommerce = field(default_factory=Woocommerce)
    stripe: Stripe = field(default_factory=Stripe)
    odoo: Odoo = field(default_factory=Odoo)
    erpnext: Erpnext = field(default_factory=Erpnext)

    @cached_property
    def keys(self) -> dict[str, RsaKeys]:
        """The RSA pairs by name, made when first asked for.

        `alipay_app` and `wechat_merchant` belong to the merchant (the connector signs with the
        private key), `alipay_platform` and `wechat_platform` to the platform (the connector
        verifies with the public key).
        """
        names = ("alipay_app", "alipay_platform", "wechat_merchant", "wechat_platform")
        return {name: RsaKeys.generate() for name in names}

    def described(self) -> dict[str, dict[str, str]]:
        """The fixed credentials as plain values, by platform."""
        return asdict(self)
