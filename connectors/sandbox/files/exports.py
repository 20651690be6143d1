"""What stands beside the shop's own files, where the world's scenario has it, and its truth.

Here: which tools and which ledger there are. How each writes is in `chat.py`,
`analytics.py`, `surveys.py`, `purchasing.py` and `wholesale.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.files import analytics, chat, purchasing, surveys
from connectors.sandbox.files.day_files import DayFiles
from connectors.sandbox.files.goods import GOODS_ENTITIES, movement_files, site_files
from connectors.sandbox.files.rendering import buyer_ids
from connectors.sandbox.files.service import SERVICE_ENTITIES, device_files, exchange_files
from connectors.sandbox.files.settlement import (
    BANK_SOURCE,
    SETTLEMENT_ENTITIES,
    settlement_files,
)
from connectors.sandbox.files.wholesale import WHOLESALE_ENTITIES, wholesale_files
from connectors.sandbox.parcel_table import describe_parcels
from connectors.sandbox.platforms import CHANNELS
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.asking import describe_inquiries, simulate_inquiries
from connectors.sandbox.stages.booking import book_movements, describe_books
from connectors.sandbox.stages.distributing import describe_wholesale, simulate_wholesale
from connectors.sandbox.stages.exchanging import describe_exchanges
from connectors.sandbox.stages.identifying import describe_rings, identify_orders
from connectors.sandbox.stages.paying_out import describe_settlements, simulate_settlements
from connectors.sandbox.stages.purchasing import describe_supply, simulate_supply
from connectors.sandbox.stages.surveying import describe_surveys, simulate_surveys
from connectors.sandbox.stages.visiting import describe_visits, simulate_visits

LEDGERS: Final = (*WHOLESALE_ENTITIES, *SERVICE_ENTITIES, *GOODS_ENTITIES, *SETTLEMENT_ENTITIES)
"""Entities of the shop's own source that only a scenario has."""
TOOLS: Final = (chat.SOURCE, analytics.SOURCE, surveys.SOURCE, purchasing.SOURCE, BANK_SOURCE)
"""Sources of their own, each read from the folder of its name below the sandbox's folder."""
Figures = dict[str, Any]
"""Figures of truth by name."""


@dataclass(frozen=True)
class Exports:
    """Files to write and figures for the truth file, by name."""

    files: tuple[DayFiles, ...]
    truth: dict[str, Figures]


def list_exports(world: World, channels: Collection[str] = CHANNELS) -> Exports:
    """Everything beside the shop's own files that the world's scenario has.

    Where servers tell some of the channels, their payment providers tell the settlements too: then
    there are no files of them.
    """
    scenario = world.config.scenario
    receipts = None
    files: list[DayFiles] = []
    truth: dict[str, Figures] = {}
    if scenario.inquiry_conversion > 0:
        inquiries = simulate_inquiries(world)
        files.append(chat.chat_files(world, inquiries))
        truth["inquiries"] = describe_inquiries(world, inquiries)
    if scenario.visit_conversion > 0:
        visits = simulate_visits(world)
        files.append(analytics.analytics_files(world, visits))
        truth["visits"] = describe_visits(visits)
    if scenario.survey_share > 0:
        responses = simulate_surveys(world)
        files.append(surveys.survey_files(world, responses))
        truth["surveys"] = describe_surveys(responses)
    if scenario.distributors > 0:
        wholesale = simulate_wholesale(world.config, world.products)
        receipts = wholesale.receipts
        files += wholesale_files(world, wholesale)
        truth["wholesale"] = describe_wholesale(world.config, wholesale)
    if scenario.settlement_differences > 0 and set(channels) == set(CHANNELS):
        settlements = simulate_settlements(world, receipts)
        files += settlement_files(world, settlements, receipts)
        truth["settlements"] = describe_settlements(world, settlements)
    if scenario.exchange_share > 0:
        files.append(exchange_files(world))
        truth["exchanges"] = describe_exchanges(world.exchanges)
    if scenario.fraud_order_share > 0:
        files.append(device_files(world, identify_orders(world)))
        truth["fraud"] = describe_rings(world, buyer_ids(world))
    if scenario.split_parcel_share > 0:
        truth["split_parcels"] = {"second_parcels": len(world.second_parcels)}
    if scenario.shrinkage_share > 0:
        books = book_movements(world)
        files += [movement_files(world, books.movements), site_files(world)]
        truth["goods"] = {**describe_books(world, books), "parcels": describe_parcels(world)}
    if scenario.suppliers > 0:
        supply = simulate_supply(world)
        files += purchasing.supply_files(world, supply)
        truth["supply"] = describe_supply(world, supply)
    return Exports(tuple(files), truth)


def entity_figures(files: DayFiles) -> dict[str, int]:
    """Counts of one entity's rows, as the truth file has them."""
    records, copies = files.records, len(files.records.copied)
    return {
        "records": int(np.count_nonzero(np.bincount(records.index))),
        "versions": len(records) - copies,
        "duplicate_rows": copies,
        "broken_rows": 0,
        "rows": len(records),
        "files": int(np.count_nonzero(np.bincount(records.file_day))),
    }


def with_exports(truth: dict[str, Any], exports: Exports) -> dict[str, Any]:
    """The truth with the figures of the exports: what the shop's own source reads adds up."""
    entities: dict[str, Figures] = dict(truth["entities"])
    tools: dict[str, Figures] = {}
    for files in exports.files:
        figures, is_tool = entity_figures(files), files.source in TOOLS
        counted, name = (tools, files.source) if is_tool else (entities, files.entity)
        before = counted.get(name, dict.fromkeys(figures, 0))
        counted[name] = {figure: before[figure] + n for figure, n in figures.items()}
    return {**truth, **exports.truth, "entities": entities, "tools": tools}
