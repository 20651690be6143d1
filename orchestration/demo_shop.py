"""The demo's shop: simulated platforms on this machine, and the `fourflow.yml` that reads them.

Here: which accounts the demo has and how its configuration and secrets are written. The platforms
themselves are `connectors.sandbox.servers`.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from connectors.configuration import Business
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import CONFIGURATION_NAME, Settings, load_settings
from connectors.sources.api.connector import find_connector, list_connectors
from connectors.sources.mapping import list_sources
from orchestration.connecting.configuration_file import (
    Draft,
    FilesDraft,
    PlatformDraft,
    update_accounts,
    write_configuration,
)

if TYPE_CHECKING:
    from connectors.sandbox.servers.serve import ServedSandbox

FILES_SOURCE: Final = "sandbox"
FILES_CHANNELS: Final = ("store_pos",)
_SCENARIO = "full"
_MARKER = "demo.json"
_SECRETS = "demo-secrets.env"
_ADDRESS = "demo-platforms.url"
# By then the bills of the last day are there, and the scans that carriers tell late.
_ALL_TOLD_AFTER = timedelta(days=4)


@dataclass(frozen=True)
class _Account:
    """One account of the demo: values from the sandbox's credentials and keys, by our key's name.

    `secrets` never stand in fourflow.yml; they go into the demo's secrets file.
    """

    name: str
    path: str
    plain: dict[str, Any]
    secrets: dict[str, str]


def _accounts(sandbox: "ServedSandbox", config: WorldConfig) -> dict[str, _Account]:
    # Every parcel of the world, the oldest too: an installation that starts with history.
    asking = {"leave_after_days": config.days + 1, "most_parcels": 1_000_000, "workers": 8}
    known, keys = sandbox.credentials(), sandbox.keys()
    taobao, douyin, shopify = known["taobao"], known["douyin"], known["shopify"]
    wechat_pay, carriers = known["wechat_pay"], (known["sf_express"], known["kuaidi100"])
    return {
        "taobao": _Account(
            "tmall_flagship",
            "/taobao/router/rest",
            {"app_key": taobao["app_key"]},
            {"app_secret": taobao["app_secret"], "session": taobao["session"]},
        ),
        "douyin": _Account(
            "douyin_live",
            "/douyin",
            {"app_key": douyin["app_key"]},
            {"app_secret": douyin["app_secret"], "access_token": douyin["access_token"]},
        ),
        "shopify": _Account(
            "shopify_global",
            "/shopify",
            {"shop_domain": "shopify-global.myshopify.com"},
            {"access_token": shopify["access_token"]},
        ),
        "alipay": _Account(
            "alipay_main",
            "/alipay/gateway.do",
            {"app_id": known["alipay"]["app_id"]},
            {
                "private_key": keys["alipay_app"]["private"],
                "alipay_public_key": keys["alipay_platform"]["public"],
            },
        ),
        "wechat_pay": _Account(
            "wechat_main",
            "/wechat_pay",
            {
                "merchant_id": wechat_pay["mchid"],
                "merchant_serial": wechat_pay["merchant_serial"],
                "platform_serial": wechat_pay["platform_serial"],
            },
            {
                "private_key": keys["wechat_merchant"]["private"],
                "platform_public_key": keys["wechat_platform"]["public"],
            },
        ),
        "sf_express": _Account(
            "sf_main",
            "/sf_express/std/service",
            {
                "partner_id": carriers[0]["partner_id"],
                "phone_tail": carriers[0]["check_phone_no"][-4:],
                **asking,
            },
            {"check_word": carriers[0]["check_word"]},
        ),
        "kuaidi100": _Account(
            "kuaidi100_main",
            "/kuaidi100",
            {
                "customer": carriers[1]["customer"],
                "phone_tail": carriers[1]["phone"][-4:],
                "carriers": ["yto", "jd"],  # SF is asked itself
                **asking,
            },
            {"key": carriers[1]["key"]},
        ),
    }


def demo_world(*, days: int, orders_per_day: int, seed: int, end_date: date) -> WorldConfig:
    """The world of a demo: everything that the simulated retailer has."""
    return WorldConfig(
        days=days,
        orders_per_day=orders_per_day,
        seed=seed,
        end_date=end_date,
        scenario=Scenario.full(),
    )


def is_demo(settings: Settings) -> bool:
    """Whether home holds the demo."""
    return (settings.root / _MARKER).exists()


def remember_world(settings: Settings, config: WorldConfig) -> None:
    """Write down which world home holds."""
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / _MARKER).write_text(json.dumps(_described(config)), encoding="utf-8")


def holds_world(settings: Settings, config: WorldConfig) -> bool:
    """Whether home holds just this world."""
    return is_demo(settings) and _marker(settings) == _described(config)


def world_of(settings: Settings) -> WorldConfig:
    """The world that home holds."""
    described = _marker(settings)
    return demo_world(
        days=described["days"],
        orders_per_day=described["orders_per_day"],
        seed=described["seed"],
        end_date=date.fromisoformat(described["end_date"]),
    )


@contextlib.contextmanager
def ready_to_read(settings: Settings) -> Iterator[Settings]:
    """The settings themselves, or the demo's with its platforms served if home holds the demo."""
    if not is_demo(settings):
        yield settings
    else:
        with served_platforms(settings, world_of(settings)) as configured:
            yield configured


@contextlib.contextmanager
def served_platforms(settings: Settings, config: WorldConfig) -> Iterator[Settings]:
    """Settings that read the demo's `fourflow.yml` while its platforms are served.

    Platforms that another process (`fourflow up`) serves are used. Otherwise the secrets are
    written anew, and in the file the platforms' address and keys: they are new every time.
    """
    # Every run asks whether home holds the demo; only the demo needs the simulated platforms.
    from connectors.sandbox.files.exports import TOOLS  # noqa: PLC0415
    from connectors.sandbox.files.settlement import BANK_SOURCE  # noqa: PLC0415
    from connectors.sandbox.servers.serve import serve_sandbox  # noqa: PLC0415

    path, secrets_path = settings.root / CONFIGURATION_NAME, settings.root / _SECRETS
    if _answers(settings.root / _ADDRESS):
        yield load_settings(config=str(path), secrets_file=str(secrets_path))
        return
    as_of = datetime.combine(config.end_date, time.min) + _ALL_TOLD_AFTER
    with serve_sandbox(config, as_of=as_of) as sandbox:
        declared = set(list_connectors()) & set(list_sources(settings))
        accounts = {
            name: account
            for name, account in _accounts(sandbox, config).items()
            if name in declared
        }
        _write_secrets(secrets_path, accounts)
        business = Business(
            time_zone=settings.business_time_zone,
            calendar=settings.business_calendar,
            currency=settings.business_currency,
        )
        platforms = [
            PlatformDraft(
                name,
                find_connector(name),
                {account.name: _keys_of(name, account, sandbox.url, config)},
            )
            for name, account in accounts.items()
        ]
        folder = settings.sandbox_path.name  # in home, as the file itself
        files = [FilesDraft(FILES_SOURCE, folder)]
        # The platforms' servers settle here: the sandbox writes no statement beside them. A small
        # world may have no inquiry, visit or answer at all, and an empty folder is no source.
        files += [
            FilesDraft(name, f"{folder}/{name}")
            for name in TOOLS
            if name != BANK_SOURCE and any((settings.sandbox_path / name).glob("*"))
        ]
        draft = Draft(business, (*files, *platforms))
        if path.exists():
            update_accounts(path, draft)  # the rest of it may be somebody's own by now
        else:
            write_configuration(path, draft)
        (settings.root / _ADDRESS).write_text(sandbox.url, encoding="ascii")
        yield load_settings(config=str(path), secrets_file=str(secrets_path))


def _answers(address: Path) -> bool:
    if not address.exists():
        return False
    try:
        url = address.read_text(encoding="ascii")
        return httpx.get(f"{url}/health", timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _keys_of(name: str, account: _Account, url: str, config: WorldConfig) -> dict[str, Any]:
    return {
        "base_url": f"{url}{account.path}",
        **account.plain,
        **{key: {"env": _variable(name, key)} for key in account.secrets},
        "start": config.start_date,
        "requests_per_second": 1000.0,  # this machine's own servers need no rest
    }


def _variable(source: str, key: str) -> str:
    return f"DEMO_{source}_{key}".upper()


def _write_secrets(path: Path, accounts: dict[str, _Account]) -> None:
    lines = [
        '{}="{}"'.format(_variable(name, key), value.strip().replace("\n", "\\n"))
        for name, account in accounts.items()
        for key, value in account.secrets.items()
    ]
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _described(config: WorldConfig) -> dict[str, Any]:
    return {
        "days": config.days,
        "orders_per_day": config.orders_per_day,
        "seed": config.seed,
        "end_date": config.end_date.isoformat(),
        "scenario": _SCENARIO,  # a home of before scenarios holds another world
    }


def _marker(settings: Settings) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((settings.root / _MARKER).read_text(encoding="utf-8"))
    return content
