"""What each account tells of the person behind it: name, phone, e-mail, birth date, address.

A stage with its own random stream, made from a `World` that it doesn't change. People write
themselves differently on each channel, platforms mask, households share a phone and an address, and
operators give an old number to somebody new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import PROVINCE_NAMES
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.world import Flags, Ints

HOUSEHOLD_SHARE: Final = 0.06
SHARED_PHONE_SHARE: Final = 0.5
RECYCLED_PHONE_SHARE: Final = 0.015
MASKED_PHONE_SHARE: Final = 0.15
EMAIL_SHARE: Final = 0.75
BIRTH_DATE_SHARE: Final = 0.6
ADDRESS_SHARE: Final = 0.7
_PINYIN: Final = (
    *("wang", "li", "zhang", "liu", "chen", "yang", "huang", "zhao", "wu", "zhou"),
    *("xu", "sun", "ma", "zhu", "hu", "guo", "he", "gao", "lin", "zheng"),
)
_PROVIDERS: Final = ("qq.com", "163.com", "126.com", "foxmail.com", "sina.com")
_STREETS: Final = tuple(
    a + b
    for a in ("人民", "解放", "中山", "建设", "和平", "新华", "文化")
    for b in ("路", "东路", "西街")
)
# Characters that an input method offers for the same sound.
_SAME_SOUND: Final = dict(
    zip(
        "欣梓浩雨子思佳晓丽建雅俊诗志美文静宇婷海",
        "新紫皓语紫斯嘉小莉剑娅峻施智镁雯敬羽亭嗨",
        strict=True,
    )
)
# Like the phones of `people`, these can't be anybody's.
_SECOND_PHONE: Final = 11_000_000_000
_BORN_FROM: Final = date(1956, 1, 1)
_BORN_WITHIN_DAYS: Final = 50 * 365


@dataclass(frozen=True)
class Contacts:
    """One text per account; an empty one was not given."""

    name: Sequence[str]
    phone: Sequence[str]
    email: Sequence[str]
    birth_date: Sequence[str]
    address: Sequence[str]


def state_contacts(world: World) -> Contacts:
    """What every account says; the same world says the same."""
    random = world.config.random("contacts")
    accounts, slip = world.accounts, world.config.scenario.contact_slip_share
    count, people = len(accounts), int(accounts.person.max()) + 1

    def some(share: float, of: int = count) -> Flags:
        return random.random(of) < share

    person = accounts.person
    everybody = np.arange(people)
    at_home = some(HOUSEHOLD_SHARE, people)
    partner = random.integers(0, people, people)
    household = np.where(at_home, partner, everybody)
    takes_phone = (at_home & some(SHARED_PHONE_SHARE, people)) | some(RECYCLED_PHONE_SHARE, people)
    phone_of = np.full(people, -1, dtype=np.int64)
    phone_of[person] = accounts.phone
    phone = phone_of[np.where(takes_phone, partner, everybody)][person]
    phone = np.where(some(slip / 2), _SECOND_PHONE + np.arange(count) * 7_919, phone)
    born = random.integers(0, _BORN_WITHIN_DAYS, people)
    return Contacts(
        name=_names(accounts.surname, accounts.given_name, some(slip), some(slip / 2)),
        phone=_phones(phone, some(MASKED_PHONE_SHARE)),
        email=_emails(person, accounts.surname, some(EMAIL_SHARE), some(slip), some(slip)),
        birth_date=_birth_dates(born[person], some(BIRTH_DATE_SHARE), some(slip / 2)),
        address=_addresses(
            household[person], accounts.province, some(ADDRESS_SHARE), some(2 * slip)
        ),
    )


def describe_people(world: World, account_ids: Sequence[str]) -> dict[str, Any]:
    """Whose accounts are one person's: those of everybody with several.

    Args:
        world: the tables of truth.
        account_ids: what the truth file calls each account.
    """
    person = world.accounts.person
    order = np.argsort(person, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
    several = [[account_ids[row] for row in group.tolist()] for group in groups if len(group) > 1]
    return {"people": len(groups), "accounts": len(person), "of_several_accounts": several}


def _names(surname: Ints, given: Ints, misheard: Flags, masked: Flags) -> list[str]:
    names = []
    for row, (first, second) in enumerate(zip(surname.tolist(), given.tolist(), strict=True)):
        called = GIVEN_NAMES[second]
        if masked[row]:
            called = "*" * len(called)
        elif misheard[row]:
            called = _SAME_SOUND.get(called[0], called[0]) + called[1:]
        names.append(SURNAMES[first] + called)
    return names


def _phones(phone: Ints, masked: Flags) -> list[str]:
    texts = [str(number) for number in phone.tolist()]
    return [
        f"{text[:3]}****{text[-4:]}" if hidden else text
        for text, hidden in zip(texts, masked.tolist(), strict=True)
    ]


def _emails(person: Ints, surname: Ints, given: Flags, other: Flags, slips: Flags) -> list[str]:
    emails = []
    for row, (who, first) in enumerate(zip(person.tolist(), surname.tolist(), strict=True)):
        number = (who * 7_919 + 104_729 + (31 * row + 7 if other[row] else 0)) % 1_000_000
        address = f"{_PINYIN[first]}{number:06}@{_PROVIDERS[number % len(_PROVIDERS)]}"
        if slips[row]:  # a letter left out
            address = address[:3] + address[4:]
        emails.append(address if given[row] else "")
    return emails


def _birth_dates(born: Ints, given: Flags, slips: Flags) -> list[str]:
    dates = []
    for row, days in enumerate(born.tolist()):
        day = _BORN_FROM + timedelta(days=days + (9 if slips[row] else 0))
        dates.append(day.isoformat() if given[row] else "")
    return dates


def _addresses(household: Ints, province: Ints, given: Flags, shortened: Flags) -> list[str]:
    addresses = []
    for row, (home, code) in enumerate(zip(household.tolist(), province.tolist(), strict=True)):
        street = _STREETS[home * 31 % len(_STREETS)]
        number, house, room = (
            home * 7_919 % 389 + 1,
            home * 104_729 % 23 + 1,
            home * 611 % 997 + 101,
        )
        if shortened[row]:
            address = f"{street}{number}号{house}-{room}"
        else:
            address = f"{PROVINCE_NAMES[code]}{street}{number}号{house}栋{room}室"
        addresses.append(address if given[row] else "")
    return addresses
