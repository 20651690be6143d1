"""One account of every platform of the sandbox: its name and the keys of its configuration."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox
from connectors.settings import load_settings
from connectors.sources.api.reading import CHINA
from tests.platforms import Read, bronze_payloads, read_account, read_until_killed

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
    "erpnext": "erpnext",
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
    "erpnext": ("api_key", "api_secret"),
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

    def read_through_kills(
        self, sandbox: ServedSandbox, home: Path, faults: Faults, *, pages: int = 7
    ) -> None:
        """Read a world that ends on 30 June 2026 in two goes, each killed before it succeeds.

        Args:
            sandbox: which breaks its answers meanwhile.
            home: the empty home that is read into.
            faults: how it breaks them.
            pages: after how many of them the first go is killed; nothing has landed by then.
        """
        noon = datetime(2026, 6, 29, 12, tzinfo=CHINA)
        sandbox.control(as_of=noon.replace(tzinfo=None).isoformat(), faults=faults)
        before = self.read(sandbox, noon)
        assert read_until_killed(home, before, pages=pages) == -9
        landed = bronze_payloads(load_settings(home=home), f"{self.platform}_orders")
        assert list(landed) == []
        assert read_account(home, before).problems == ()
        sandbox.control(as_of="2026-07-01T00:10:00")
        after = self.read(sandbox, present(sandbox))
        read_until_killed(home, after, landing_seconds=0.4)
        assert read_account(home, after).problems == ()
        # Orders that were touched while they were read have left the spans of that reading.
        later = datetime.fromisoformat(sandbox.state()["now"]) + timedelta(minutes=5)
        sandbox.control(faults=Faults(), as_of=later.isoformat())
        assert read_account(home, self.read(sandbox, present(sandbox))).problems == ()


def present(sandbox: ServedSandbox) -> datetime:
    """The platforms' own present."""
    told = datetime.fromisoformat(sandbox.state()["now"])
    return told.replace(tzinfo=CHINA)
