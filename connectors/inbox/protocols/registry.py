"""Which platforms push, by the name of their connector."""

from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.inbox.protocol import PushProtocol
from connectors.inbox.protocols.alipay import AlipayPushes
from connectors.inbox.protocols.douyin import DouyinPushes
from connectors.inbox.protocols.kuaidi100 import Kuaidi100Pushes
from connectors.inbox.protocols.sf_express import SFExpressPushes
from connectors.inbox.protocols.shopify import ShopifyPushes
from connectors.inbox.protocols.stripe import StripePushes
from connectors.inbox.protocols.wechat_pay import WeChatPayPushes
from connectors.inbox.protocols.wechat_store import WeChatStorePushes
from connectors.inbox.protocols.woocommerce import WooCommercePushes

PROTOCOLS: dict[str, PushProtocol] = {
    "alipay": AlipayPushes(),
    "douyin": DouyinPushes(),
    "kuaidi100": Kuaidi100Pushes(),
    "sf_express": SFExpressPushes(),
    "shopify": ShopifyPushes(),
    "stripe": StripePushes(),
    "wechat_pay": WeChatPayPushes(),
    "wechat_store": WeChatStorePushes(),
    "woocommerce": WooCommercePushes(),
}


def find_protocol(kind: str) -> PushProtocol:
    """The protocol of a platform.

    Raises:
        InputError: this platform does not push.
    """
    if kind not in PROTOCOLS:
        raise InputError(f"Nothing is known of pushes by {kind!r}; {suggest(kind, PROTOCOLS)}.")
    return PROTOCOLS[kind]
