"""What people ask before they buy: chat inquiries, most of which come to nothing.

A stage with its own random stream, made from a `World` that it doesn't change. An order that came
of an inquiry has been asked about within `CONVERSION_DAYS` before it; the others are of buyers who
didn't order then and of people who have never bought.

Assumption: how many come to nothing is drawn so that the configured share of all inquiries old
enough to be decided becomes an order.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import DOUYIN, SALE, SHOPIFY, STORE, TMALL
from connectors.sandbox.retailer import World
from connectors.sandbox.world import DAY, HOUR, MINUTE, NEVER, Flags, Floats, Ints, choose_weighted

INQUIRY_CHANNELS: Final = ("taobao_chat", "douyin_chat", "web_chat", "wecom")
TAOBAO_CHAT, DOUYIN_CHAT, WEB_CHAT, WECOM = range(4)
CONVERSION_DAYS: Final = 7
ASKED_SHARES: Final = (0.12, 0.10, 0.04, 0.08)
"""Share of each channel's orders that came of an inquiry."""
WECOM_SHARE: Final = 0.25
"""Share of the online inquiries that go to WeCom instead of the shop's own chat."""
AGENTS: Final = 12
UNANSWERED_SHARE: Final = 0.04
STRANGER_SHARE: Final = 0.65
_CHATS = {TMALL: TAOBAO_CHAT, DOUYIN: DOUYIN_CHAT, SHOPIFY: WEB_CHAT, STORE: WECOM}
_NIGHT_ENDS = 8 * HOUR


@dataclass(frozen=True)
class Inquiries:
    """One element per inquiry, in the order in which they were asked.

    Attributes:
        place: where it was asked: a position in `INQUIRY_CHANNELS`.
        account: who asked; -1 for people without an account.
        agent: who answered, counted from 0.
        sku: what was asked about.
        asked_at: local seconds.
        replied_at: local seconds of the first answer, `NEVER` without one.
        order: row of the order that came of it; -1 for none.
        ordered_at: when that order was created, `NEVER` for none.
    """

    place: Ints
    account: Ints
    agent: Ints
    sku: Ints
    asked_at: Ints
    replied_at: Ints
    order: Ints
    ordered_at: Ints

    def __len__(self) -> int:
        return len(self.place)


def simulate_inquiries(world: World) -> Inquiries:
    """All inquiries of the window; the same world has the same. None without the scenario."""
    config, orders = world.config, world.orders
    random = config.random("inquiries")
    share = config.scenario.inquiry_conversion
    asks = (orders.order_type == SALE) & (orders.account >= 0)
    asks &= random.random(len(orders)) < np.array(ASKED_SHARES)[orders.channel]
    won = np.flatnonzero(asks) if share > 0 else np.empty(0, dtype=np.int64)
    ordered_at = orders.created_at[won]
    asked_at = ordered_at - _thinking_times(random, len(won))
    # What was asked before the first day is in no file.
    won, ordered_at, asked_at = (
        values[asked_at >= config.start_second] for values in (won, ordered_at, asked_at)
    )
    lost = random.poisson(len(won) * (1 - share) / share) if len(won) else 0
    like = random.integers(0, max(len(orders), 1), lost)
    channel = np.concatenate([orders.channel[won], orders.channel[like]])
    asked_at = np.concatenate([asked_at, _around(world, random, orders.created_at[like])])
    order = np.concatenate([won, np.full(lost, -1)])
    account = np.concatenate([orders.account[won], _lost_accounts(world, random, like)])
    sku = np.concatenate(
        [
            world.lines.sku[orders.first_line[won]],
            world.lines.sku[orders.first_line[like]],
        ]
    )
    place = np.array([_CHATS[code] for code in range(len(_CHATS))])[channel]
    place = np.where(random.random(len(place)) < WECOM_SHARE, WECOM, place)
    replied_at = _reply_times(random, asked_at)
    by_time = np.argsort(asked_at, kind="stable")
    return Inquiries(
        place=place[by_time],
        account=account[by_time],
        agent=random.integers(0, AGENTS, len(place)),
        sku=sku[by_time],
        asked_at=asked_at[by_time],
        replied_at=config.happened(replied_at[by_time]),
        order=order[by_time],
        ordered_at=np.concatenate([ordered_at, np.full(lost, NEVER)])[by_time],
    )


def describe_inquiries(world: World, inquiries: Inquiries) -> dict[str, dict[str, int]]:
    """Figures per place and of all: those old enough to be decided apart from the open cohort.

    An inquiry is `decided` when `CONVERSION_DAYS` have passed since it was asked; `open` are the
    later ones without an order.
    """
    decided = inquiries.asked_at <= world.config.end_second - CONVERSION_DAYS * DAY
    ordered = inquiries.order >= 0
    figures: dict[str, Flags] = {
        "inquiries": np.ones(len(inquiries), dtype=np.bool_),
        "ordered": ordered,
        "decided": decided,
        "decided_ordered": decided & ordered,
        "open": ~decided & ~ordered,
        "unanswered": inquiries.replied_at == NEVER,
    }

    def counted(belongs: Any) -> dict[str, int]:
        return {name: int((flags & belongs).sum()) for name, flags in figures.items()}

    places = {name: counted(inquiries.place == code) for code, name in enumerate(INQUIRY_CHANNELS)}
    return {**places, "all": counted(True)}


def _thinking_times(random: np.random.Generator, count: int) -> Ints:
    """Seconds from question to order: half within two hours, all within `CONVERSION_DAYS`."""
    hours: Floats = random.lognormal(np.log(2.0), 1.6, count)
    seconds = (hours * HOUR).astype(np.int64) + 2 * MINUTE
    return np.minimum(seconds, CONVERSION_DAYS * DAY - 1)


def _around(world: World, random: np.random.Generator, times: Ints) -> Ints:
    """Times near the given ones, within the window."""
    moved = times + random.integers(-45 * MINUTE, 45 * MINUTE, len(times))
    within: Ints = np.clip(moved, world.config.start_second, world.config.end_second)
    return within


def _lost_accounts(world: World, random: np.random.Generator, like: Ints) -> Ints:
    """Registered buyers of the same channel, or -1 for people who have never bought."""
    channel, accounts = world.orders.channel[like], world.accounts
    chosen = np.full(len(like), -1, dtype=np.int64)
    for code in _CHATS:
        mine = np.flatnonzero(channel == code)
        members = np.flatnonzero(accounts.channel == code)
        if len(members):
            drawn = choose_weighted(random, np.ones(len(members)), len(mine))
            chosen[mine] = members[drawn]
    # Nobody asks from an account before it is there.
    asked_at = world.orders.created_at[like] - HOUR
    known = (chosen >= 0) & (accounts.registered_at[chosen] <= asked_at)
    return np.where(known & (random.random(len(like)) >= STRANGER_SHARE), chosen, -1)


def _reply_times(random: np.random.Generator, asked_at: Ints) -> Ints:
    """Answers within a minute or two by day; at night nobody is there before eight."""
    waits = (random.lognormal(np.log(45.0), 0.9, len(asked_at))).astype(np.int64) + 1
    of_day = asked_at % DAY
    opens = np.where(of_day < _NIGHT_ENDS, asked_at - of_day + _NIGHT_ENDS, asked_at)
    never = random.random(len(asked_at)) < UNANSWERED_SHARE
    return np.where(never, NEVER, opens + waits)
