"""The buyers of the simulated retailer: people, and their accounts on the channels.

Here: who exists, how active they are, where they live and the planted return effect of each.
A person with two accounts has two buyer ids and two registrations but one phone number.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from connectors.sandbox.platforms import CHANNELS, PROVINCES
from connectors.sandbox.world import DAY, HOUR, NEVER, Floats, Ints, WorldConfig, choose_weighted

CHANNEL_SHARES: Final = (0.46, 0.32, 0.14, 0.08)
SECOND_ACCOUNT_SHARE: Final = 0.18
PERSON_RETURN_EFFECT_SD: Final = 0.7
SERIAL_RETURNER_SHARE: Final = 0.06
SERIAL_RETURNER_EFFECT: Final = 2.0
_ORDERS_PER_PERSON = 3.0
_ACTIVITY_EXPONENT = 0.75
_ACTIVITY_SHIFT = 25.0
# Chinese mobile numbers start with 13 to 19: these can't be anybody's.
_FIRST_PHONE = 12_000_000_000
_PHONES = 1_000_000_000
_PHONE_STRIDE = 7_919

SURNAMES: Final = tuple("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑")
GIVEN_NAMES: Final = (
    *("欣怡", "梓涵", "浩然", "雨桐", "子墨", "思源", "佳琪", "晓东", "丽娜", "建国"),
    *("雅婷", "俊杰", "诗涵", "志强", "美玲", "文博", "静怡", "宇航", "婷婷", "海燕"),
)


@dataclass(frozen=True)
class Accounts:
    """One element per account; `buyer_number` counts within its channel from 1."""

    person: Ints
    channel: Ints
    buyer_number: Ints
    weight: Floats
    province: Ints
    surname: Ints
    given_name: Ints
    phone: Ints
    registered_at: Ints
    return_effect: Floats

    def __len__(self) -> int:
        return len(self.person)


def simulate_accounts(config: WorldConfig) -> Accounts:
    """The accounts before anybody has ordered: `registered_at` is set by `register_accounts`."""
    random = config.random("people")
    people = max(60, int(config.days * config.orders_per_day / _ORDERS_PER_PERSON))
    activity = (random.permutation(people) + _ACTIVITY_SHIFT) ** -_ACTIVITY_EXPONENT
    home = choose_weighted(random, np.array(CHANNEL_SHARES), people)
    second = np.flatnonzero(random.random(people) < SECOND_ACCOUNT_SHARE)
    # The second channel is one of the others.
    other = (home[second] + random.integers(1, len(CHANNELS), len(second))) % len(CHANNELS)
    province = choose_weighted(random, np.array([float(s) for _, s, _ in PROVINCES]), people)
    serial = random.random(people) < SERIAL_RETURNER_SHARE
    effect = random.normal(0.0, PERSON_RETURN_EFFECT_SD, people) + serial * SERIAL_RETURNER_EFFECT
    surname = random.integers(0, len(SURNAMES), people)
    given_name = random.integers(0, len(GIVEN_NAMES), people)
    person = np.concatenate([np.arange(people, dtype=np.int64), second])
    channel = np.concatenate([home, other])
    return Accounts(
        person=person,
        channel=channel,
        buyer_number=_numbered_within(channel),
        weight=np.concatenate([activity, 0.5 * activity[second]]),
        province=province[person],
        surname=surname[person],
        given_name=given_name[person],
        phone=_FIRST_PHONE + (person * _PHONE_STRIDE) % _PHONES,
        registered_at=np.full(len(person), NEVER),
        return_effect=effect[person],
    )


def register_accounts(
    config: WorldConfig, accounts: Accounts, order_account: Ints, created_at: Ints
) -> Accounts:
    """Give every account a registration before its first order; some are years old."""
    random = config.random("registrations")
    count = len(accounts)
    first_order = np.full(count, NEVER)
    known = order_account >= 0
    np.minimum.at(first_order, order_account[known], created_at[known])
    just_before = first_order - random.integers(60, 2 * HOUR, count)
    long_ago = config.start_second - random.integers(1, 700 * DAY, count)
    in_window = config.start_second + random.integers(0, config.days * DAY, count)
    is_new = random.random(count) < 0.4
    registered = np.where(first_order == NEVER, in_window, just_before)
    return replace(accounts, registered_at=np.where(is_new, registered, long_ago))


def _numbered_within(groups: Ints) -> Ints:
    """Number the elements of each group from 1 in their order."""
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=int(groups.max()) + 1)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    numbers = np.empty(len(groups), dtype=np.int64)
    numbers[order] = np.arange(len(groups)) - starts + 1
    return numbers
