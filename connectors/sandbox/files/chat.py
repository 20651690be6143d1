"""Files of the chat tool, in the layout that source `inquiries` reads.

An inquiry is written again, whole, when it is answered or ordered on a later day.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files
from connectors.sandbox.files.records import Records, list_versions, with_duplicates
from connectors.sandbox.files.rendering import buyer_ids, or_null, order_numbers, times, words
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.asking import INQUIRY_CHANNELS, WECOM, Inquiries
from connectors.sandbox.world import NEVER

SOURCE: Final = "inquiries"
ASKED, REPLIED, ORDERED = range(3)
_FIRST_STRANGER = 90_000_000


def chat_files(world: World, inquiries: Inquiries) -> DayFiles:
    """The chat tool's files of a world."""
    config = world.config
    records = list_versions(
        config,
        SOURCE,
        (
            (ASKED, inquiries.asked_at),
            (REPLIED, inquiries.replied_at),
            (ORDERED, inquiries.ordered_at),
        ),
    )
    # An old version told again after a newer one would look like a return to it.
    once = np.bincount(records.index, minlength=len(inquiries)) == 1
    records = with_duplicates(config, records, allowed=once[records.index])
    writer = _ChatWriter(world, inquiries)
    return csv_files(SOURCE, records, writer.table)


class _ChatWriter:
    """Renders inquiries as they stood in the evening of their file's day."""

    def __init__(self, world: World, inquiries: Inquiries) -> None:
        self._inquiries = inquiries
        self._order_no = order_numbers(world)
        self._skus = pa.array(world.products.skus)
        self._customers = _customer_names(world, inquiries)

    def table(self, records: Records) -> pa.Table:
        """The rows with the columns of the chat tool."""
        inquiries, index, time = self._inquiries, records.index, records.time
        replied_at = inquiries.replied_at[index]
        replied_at = np.where(replied_at <= time, replied_at, NEVER)
        order = np.where(inquiries.ordered_at[index] <= time, inquiries.order[index], -1)
        number = pc.utf8_lpad(pa.array(index + 1).cast(pa.string()), 9, "0")
        agent = pc.utf8_lpad(pa.array(inquiries.agent[index] + 1).cast(pa.string()), 2, "0")
        agent = pc.binary_join_element_wise("kf", agent, "_")
        return pa.table(
            {
                "inquiry_id": pc.binary_join_element_wise("Q", number, ""),
                "channel": words(INQUIRY_CHANNELS, inquiries.place[index]),
                "customer": self._customers.take(pa.array(index)),
                "asked_at": times(inquiries.asked_at[index]),
                "agent": pc.if_else(pa.array(replied_at == NEVER), None, agent),
                "first_replied_at": times(replied_at),
                "product": self._skus.take(pa.array(inquiries.sku[index])),
                "order_no": self._order_no.take(or_null(order)),
            }
        )


def _customer_names(world: World, inquiries: Inquiries) -> Any:
    """Buyer ids in the shops' chats, ids of the person in WeCom, made-up ones for strangers."""
    known = inquiries.account >= 0
    stranger = _FIRST_STRANGER + np.arange(len(inquiries))
    person = np.where(known, world.accounts.person[inquiries.account], stranger)
    external = pc.binary_join_element_wise("wmFF", pa.array(person).cast(pa.string()), "")
    guest = pc.binary_join_element_wise("guest", pa.array(stranger).cast(pa.string()), "")
    nick = pc.coalesce(buyer_ids(world).take(or_null(inquiries.account)), guest)
    return pc.if_else(pa.array(inquiries.place == WECOM), external, nick)
