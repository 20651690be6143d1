"""The retailer that all servers share: one world, one clock, one set of credentials and counters.

Here: what is visible by when, which orders were touched, what was served. Not here: any protocol.
"""

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any, Final

import numpy as np

from connectors.errors import InputError
from connectors.sandbox.files.defects import plan_defects
from connectors.sandbox.platforms import CHANNELS
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.credentials import Credentials
from connectors.sandbox.servers.views import RefundJourneys, Shop, Snapshot
from connectors.sandbox.stages.card_settling import CardAccount, settle_cards
from connectors.sandbox.stages.scanning import Scans, scan_parcels
from connectors.sandbox.stages.settling import Settlement, settle
from connectors.sandbox.stages.terms import agree_terms
from connectors.sandbox.world import NEVER, Ints

_REMEMBERED_PAGES: Final = 20
_MOST_SHIFTED: Final = 3


class Retail:
    """The world as the platforms know it at one time.

    Attributes:
        world: the tables of truth, without defects.
        plan: which orders are edited after the fact or end in an unknown status.
        terms: deposits, and who bears which discount.
        credentials: what the platforms accept.
        counters: requests, faults and records served, by `<platform>.<what>`.
        expired: platforms whose good token has expired (for tests of just that).
        snapshot: the world as of now, see `Snapshot`.
        touched_at: local seconds of the last touch per order of the world, `NEVER` if untouched.
            A touch moves an order's time of modification and nothing else.
        on_faults: called with other `Faults`; set by the middleware.
        options: what tests may change about single platforms, by platform and name.
        written: tells what others have written into a platform, by platform; for tests.
        pushers: send what a platform pushes, by platform; each tells what it sent.
    """

    def __init__(
        self, world: World, *, as_of: int | None = None, credentials: Credentials | None = None
    ) -> None:
        self.world = world
        self.plan = plan_defects(world)
        self.terms = agree_terms(world)
        self.credentials = credentials or Credentials()
        self.counters: Counter[str] = Counter()
        self.expired: set[str] = set()
        self.touched_at: Ints = np.full(len(world.orders), NEVER)
        self.touches: list[int] = []
        self.on_faults: Callable[[Any], None] = _no_faults
        self.options: dict[str, dict[str, Any]] = {}
        self.written: dict[str, Callable[[], dict[str, Any]]] = {}
        self.pushers: dict[str, Callable[..., Awaitable[dict[str, int]]]] = {}
        self._pages: deque[tuple[Ints, Ints]] = deque(maxlen=_REMEMBERED_PAGES)
        self._last_touch = 0
        self._as_of = 0
        self._refund_journeys = RefundJourneys.of(world)
        self._shops: dict[tuple[int, bool], Shop] = {}
        self.move_to(world.config.end_second if as_of is None else as_of)

    @cached_property
    def settlement(self) -> Settlement:
        """The payment providers' books, made when first asked for."""
        return settle(self.world)

    @cached_property
    def card_account(self) -> CardAccount:
        """The card provider's books, made when first asked for."""
        return settle_cards(self.world)

    @cached_property
    def scans(self) -> Scans:
        """The carriers' scans, made when first asked for."""
        return scan_parcels(self.world)

    @property
    def as_of(self) -> int:
        """Local seconds up to which the world's events have happened; touches don't move it."""
        return self._as_of

    def move_to(self, seconds: int) -> None:
        """Let the time be another one, in local seconds.

        Raises:
            InputError: the world begins later.
        """
        if seconds < self.world.config.start_second:
            raise InputError("The simulated world has not begun at that time: choose a later one.")
        self._as_of = seconds
        self.snapshot = Snapshot(self.world, self.plan, self.terms, self._refund_journeys, seconds)
        self._shops.clear()

    def shop(self, channel: str, *, with_refunds: bool) -> Shop:
        """A channel's lists at the present time.

        Args:
            channel: its name.
            with_refunds: whether a refund moves the order's own time of modification.
        """
        key = (self.channel(channel), with_refunds)
        if key not in self._shops:
            self._shops[key] = Shop(
                self.snapshot, key[0], self.touched_at, with_refunds=with_refunds
            )
        return self._shops[key]

    @property
    def now(self) -> int:
        """The platforms' own clock for data, local seconds: `as_of`, or the last touch after it."""
        return max(self._as_of, self._last_touch)

    def channel(self, name: str) -> int:
        """The code of a channel.

        Raises:
            InputError: there is no such channel.
        """
        if name not in CHANNELS:
            raise InputError(f"There is no channel {name}: choose from {', '.join(CHANNELS)}.")
        return CHANNELS.index(name)

    def change_options(self, platform: str, changes: dict[str, Any]) -> None:
        """Change some of a platform's options.

        Raises:
            InputError: the platform has no such option.
        """
        options = self.options.get(platform, {})
        for name, value in changes.items():
            if name not in options:
                raise InputError(f"{platform} has no option {name}: choose from {sorted(options)}.")
            options[name] = value

    def touch(self, orders: Iterable[int]) -> None:
        """Modify orders without changing anything else (a memo, a flag), one second apart."""
        touched = [int(order) for order in orders]
        for order in touched:
            self._last_touch = self.now + 1
            self.touched_at[order] = self._last_touch
        self.touches += touched
        for shop in self._shops.values():
            shop.move(touched, self.touched_at)

    def touch_some(self, channel: int, count: int, seed: int = 0) -> list[int]:
        """Touch random visible orders of a channel; returns them."""
        candidates = np.flatnonzero(
            (self.world.orders.channel == channel) & (self.world.orders.created_at <= self._as_of)
        )
        generator = np.random.default_rng(seed)
        count = min(count, len(candidates))
        chosen = [int(order) for order in generator.choice(candidates, count, replace=False)]
        self.touch(chosen)
        return chosen

    def remember_page(self, page: Ints, matching: Ints) -> None:
        """Note the orders of a page just served and all orders that its query matched."""
        self._pages.append((page, matching))

    def shift_pages(self, generator: random.Random) -> None:
        """Touch some orders of the pages served last and some others of the same query."""
        for position in range(2):
            sets = [page[position] for page in self._pages if len(page[position])]
            if not sets:
                return
            chosen = generator.choice(sets)
            self.touch(
                int(chosen[generator.randrange(len(chosen))])
                for _ in range(generator.randint(1, _MOST_SHIFTED))
            )


def _no_faults(_faults: Any) -> None:
    """No middleware listens."""
