"""From which device and to which address each online order came: what a risk tool exports.

A stage with its own random stream, made from a `World` that it doesn't change. Most people have an
address and one or two devices of their own, some share them with their household, and a fraud ring
has a few devices and one address for all its accounts.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import EMPTY_BOX, STORE
from connectors.sandbox.retailer import World
from connectors.sandbox.world import Ints

HOUSEHOLD_SHARE: Final = 0.04
SHARED_DEVICE_SHARE: Final = 0.3
SECOND_DEVICE_SHARE: Final = 0.15
RING_DEVICES: Final = 2
_DEVICES_EACH = 2


@dataclass(frozen=True)
class OrderDevices:
    """One element per online order of a known buyer: order, device and address as whole numbers."""

    order: Ints
    device: Ints
    address: Ints

    def __len__(self) -> int:
        return len(self.order)


def identify_orders(world: World) -> OrderDevices:
    """Device and address of every order placed online; the same world has the same."""
    random = world.config.random("devices")
    orders, accounts = world.orders, world.accounts
    people = int(accounts.person.max()) + 1
    everybody = np.arange(people)
    shares_home = random.random(people) < HOUSEHOLD_SHARE
    household = np.where(shares_home, random.integers(0, people, people), everybody)
    shares_device = shares_home & (random.random(people) < SHARED_DEVICE_SHARE)
    owner = np.where(shares_device, household, everybody)
    order = np.flatnonzero((orders.channel != STORE) & (orders.account >= 0))
    person = accounts.person[orders.account[order]]
    second = random.random(len(order)) < SECOND_DEVICE_SHARE
    device = np.where(second, person * _DEVICES_EACH + 1, owner[person] * _DEVICES_EACH)
    ring = world.ring[orders.account[order]]
    of_ring = people * _DEVICES_EACH + ring * RING_DEVICES
    of_ring += random.integers(0, RING_DEVICES, len(order))
    return OrderDevices(
        order=order,
        device=np.where(ring >= 0, of_ring, device),
        address=np.where(ring >= 0, people + ring, household[person]),
    )


def describe_rings(world: World, buyer_id: Any) -> dict[str, Any]:
    """The rings with their accounts and claims, and the claims of honest buyers.

    Args:
        world: the tables of truth.
        buyer_id: the buyer id of each account.
    """
    orders, refunds = world.orders, world.refunds
    ring = np.where(orders.account >= 0, world.ring[orders.account], -1)
    claimed = np.zeros(len(orders), dtype=np.bool_)
    claimed[refunds.order[refunds.reason == EMPTY_BOX]] = True
    listed = []
    for code in range(int(world.ring.max(initial=-1)) + 1):
        mine = ring == code
        listed.append(
            {
                "buyer_ids": buyer_id.take(np.flatnonzero(world.ring == code)).to_pylist(),
                "orders": int(mine.sum()),
                "empty_box_orders": int((mine & claimed).sum()),
                "refunded_fen": int(world.refunded[mine].sum()),
            }
        )
    return {"rings": listed, "honest_empty_box_orders": int((claimed & (ring < 0)).sum())}
