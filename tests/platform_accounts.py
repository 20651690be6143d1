"""One account of every platform of the sandbox: its name and the keys of its configuration."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.servers.serve import ServedSandbox
from tests.platforms import Read

ACCOUNTS = {
    "taobao": "tmall_flagship",
    "douyin": "douyin_live",
    "shopify": "shopify_global",
    "pdd": "pdd_shop",
    "woocommerce": "own_shop",
    "stripe": "main",
    "jd": "jd_shop",
    "odoo": "main",
    "wechat_store": "wechat_shop",
}
_PATHS = {
    "taobao": "taobao/router/rest",
    "douyin": "douyin",
    "shopify": "shopify",
    "pdd": "pdd/api/router",
    "woocommerce": "woocommerce",
    "stripe": "stripe",
    "jd": "jd/routerjson",
    "odoo": "odoo",
    "wechat_store": "wechat_store",
    "sf_express": "sf_express/std/service",
    "kuaidi100": "kuaidi100",
}
_CREDENTIALS = {
    "taobao": ("app_key", "app_secret", "session"),
    "douyin": ("app_key", "app_secret", "access_token"),
    "shopify": ("access_token",),
    "pdd": ("client_id", "client_secret", "access_token"),
    "woocommerce": ("consumer_key", "consumer_secret"),
    "stripe": ("api_key",),
    "jd": ("app_key", "app_secret", "access_token"),
    "odoo": ("api_key", "database"),
    "wechat_store": ("appid", "secret"),
    "sf_express": ("partner_id", "check_word"),
    "kuaidi100": ("customer", "key"),
}
# Pinduoduo answers nothing that is less than three minutes old.
_BEHIND = {"pdd": 180}


def config_of(platform: str, sandbox: ServedSandbox, **changes: Any) -> dict[str, Any]:
    """What fourflow.yml would say of the platform's account, secrets filled in."""
    known = sandbox.credentials()[platform]
    keys = {name: known[name] for name in _CREDENTIALS[platform]}
    common = {"requests_per_second": 10_000, "behind_seconds": _BEHIND.get(platform, 0)}
    return {"base_url": f"{sandbox.url}/{_PATHS[platform]}", **keys, **common, **changes}


class SandboxAccount:
    """The account of a platform of the sandbox, with keys of its own beside the usual ones."""

    def __init__(self, platform: str, **keys: Any) -> None:
        self.platform = platform
        self._keys = keys

    def keys(self, sandbox: ServedSandbox, **changes: Any) -> dict[str, Any]:
        """Its configuration, for one reading changed in this way."""
        return config_of(self.platform, sandbox, **(self._keys | changes))

    def read(self, sandbox: ServedSandbox, now: datetime, **changes: Any) -> Read:
        """A reading of everything before `now`."""
        return Read(self.platform, ACCOUNTS[self.platform], self.keys(sandbox, **changes), now)


def present(sandbox: ServedSandbox) -> datetime:
    """The platforms' own present."""
    told = datetime.fromisoformat(sandbox.state()["now"])
    return told.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
