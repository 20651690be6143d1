"""The truth file: what really happened and what was planted, as tests need it for scoring.

Computed from the tables of truth, never by reading the written files. Amounts are exact decimals
as strings. The product never reads this file.
"""

from typing import Any

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.files.records import Records
from connectors.sandbox.files.rendering import (
    buyer_ids,
    order_numbers,
    refund_numbers,
    tracking_numbers,
)
from connectors.sandbox.platforms import (
    CANCELLED,
    CARRIERS,
    CHANNELS,
    COMPLETED,
    FAR_PROVINCES,
    ORDER_STATES,
    PARCEL_STATES,
    REFUND_STATES,
    SALE,
    SITES,
    STATUS_WORDS,
    STORE,
    TMALL,
    UNKNOWN_STATE,
    UNMAPPED_WORD,
    YTO,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.rule_truth import describe_rules
from connectors.sandbox.stages import catalogue, following, fulfilment, ordering, people, returning
from connectors.sandbox.stages.contacting import describe_people
from connectors.sandbox.stages.ordering import DOUBLE_ELEVEN
from connectors.sandbox.world import DAY, NEVER, Flags, Ints

LARGE_FEN, VERY_LARGE_FEN = 1_000_000, 5_000_000


def yuan(fen: int) -> str:
    """Fen as an exact decimal text: 1234 is 12.34."""
    whole, rest = divmod(abs(int(fen)), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02d}"


def describe_truth(
    world: World,
    plan: DefectPlan,
    records: dict[str, Records],
    broken_rows: list[dict[str, str]],
) -> dict[str, Any]:
    """Everything the tests score against."""
    order_no = order_numbers(world)
    return {
        "config": world.config.described(),
        "entities": _entities(records, broken_rows),
        "orders_by_status": _orders_by_status(world, plan),
        "channels": _channels(world),
        "channel_days": _channel_days(world),
        "funnel": _funnel(world),
        "open_orders": _open_orders(world),
        "parcels_by_status": _by_word(PARCEL_STATES, _newest_kinds(records["parcels"])),
        "refunds_by_status": _by_word(REFUND_STATES, _newest_kinds(records["refunds"])),
        "stock_last_day": _stock_last_day(world),
        "rules": describe_rules(world, plan, records),
        "planted": {
            **_planted_defects(world, plan, order_no),
            "broken_rows": broken_rows,
            "duplicate_rows": _duplicates(world, records, order_no),
            "low_channel_day": _low_day(world),
            "large_orders": _large_orders(world, order_no),
            "stock_shortages": [
                {"site": SITES[0], "sku": world.products.skus[sku]}
                for sku in world.stock.shortage_skus.tolist()
            ],
            "promotion_days": [str(world.config.date_of(d)) for d in world.plan.promotion_days],
            "leaking_step": _leaking_step(world),
            "late_lane": _late_lane(),
            "return_model": _return_model(world),
            "people_on_two_channels": _people_on_two_channels(world),
            "people": describe_people(world, _account_names(world)),
            "follow_up": _follow_up(world),
            "price_changes": _price_changes(world),
            "double_eleven_days": [
                str(world.config.date_of(day)) for day in world.config.days_of(*DOUBLE_ELEVEN)
            ],
        },
    }


def _entities(
    records: dict[str, Records], broken_rows: list[dict[str, str]]
) -> dict[str, dict[str, int]]:
    figures = {}
    for entity, rows in records.items():
        broken = sum(row["entity"] == entity for row in broken_rows)
        copies = len(rows.copied)
        figures[entity] = {
            "records": int(np.count_nonzero(np.bincount(rows.index))),
            "versions": len(rows) - copies,
            "duplicate_rows": copies,
            "broken_rows": broken,
            "rows": len(rows) + broken,
            "files": int(np.count_nonzero(np.bincount(rows.file_day))),
        }
    return figures


def _orders_by_status(world: World, plan: DefectPlan) -> dict[str, dict[str, int]]:
    """Per channel, all order types; orders in the unmapped status count as unknown."""
    state = world.state.copy()
    state[plan.unmapped_orders] = len(ORDER_STATES)
    words = (*ORDER_STATES, UNKNOWN_STATE)
    return {
        name: _by_word(words, state[world.orders.channel == code])
        for code, name in enumerate(CHANNELS)
    }


def _channels(world: World) -> dict[str, dict[str, Any]]:
    orders, figures = world.orders, {}
    for code, name in enumerate(CHANNELS):
        of_channel = orders.channel == code
        sale = of_channel & (orders.order_type == SALE)
        figures[name] = {
            "sale_orders": int(sale.sum()),
            "sample_orders": int((of_channel & ~sale).sum()),
            "lines": int(of_channel[world.lines.order].sum()),
            "paid_orders": int((world.journeys.paid_at[of_channel] != NEVER).sum()),
            "refunded_orders": int((world.refunded[of_channel] > 0).sum()),
            "total_amount": yuan(orders.total[of_channel].sum()),
            "paid_amount": yuan(world.paid[of_channel].sum()),
            "refunded_amount": yuan(world.refunded[of_channel].sum()),
        }
    return figures


def _channel_days(world: World) -> list[dict[str, Any]]:
    """Sale orders by the day of creation; `units` and `gross_amount` whether paid or not."""
    orders, lines = world.orders, world.lines
    size = world.config.days * len(CHANNELS)
    cell = orders.day * len(CHANNELS) + orders.channel
    sale = orders.order_type == SALE
    units = np.bincount(lines.order, weights=lines.quantity, minlength=len(orders))

    def per_cell(values: Any) -> Ints:
        sums = np.bincount(cell[sale], weights=values[sale], minlength=size)
        return sums.astype(np.int64)

    counts = per_cell(np.ones(len(orders)))
    paid = per_cell(world.journeys.paid_at != NEVER)
    pieces = per_cell(units)
    gross = per_cell(orders.total)
    return [
        {
            "date": str(world.config.date_of(number // len(CHANNELS))),
            "channel": CHANNELS[number % len(CHANNELS)],
            "orders": int(counts[number]),
            "paid_orders": int(paid[number]),
            "units": int(pieces[number]),
            "gross_amount": yuan(int(gross[number])),
        }
        for number in range(size)
    ]


def _steps(world: World) -> dict[str, Flags]:
    """The sale orders that reached each step; in the store goods change hands at the till."""
    journeys, in_store = world.journeys, world.orders.channel == STORE
    created = world.orders.order_type == SALE
    paid = created & (journeys.paid_at != NEVER)
    shipped = paid & (in_store | (journeys.shipped_at != NEVER))
    delivered = shipped & (in_store | (journeys.delivered_at != NEVER))
    kept = delivered & (world.paid > world.refunded)
    return {
        "created": created,
        "paid": paid,
        "shipped": shipped,
        "delivered": delivered,
        "kept": kept,
    }


def _funnel(world: World) -> dict[str, dict[str, int]]:
    steps = _steps(world)
    figures = {}
    for code, name in enumerate(CHANNELS):
        of_channel = world.orders.channel == code
        figures[name] = {step: int((reached & of_channel).sum()) for step, reached in steps.items()}
        paid_and_kept = steps["paid"] & (world.paid > world.refunded) & of_channel
        figures[name]["paid_and_net_positive"] = int(paid_and_kept.sum())
    return figures


def _open_orders(world: World) -> dict[str, int]:
    open_now = (world.state != COMPLETED) & (world.state != CANCELLED)
    return {
        name: int((open_now & (world.orders.channel == code)).sum())
        for code, name in enumerate(CHANNELS)
    }


def _newest_kinds(rows: Records) -> Ints:
    newest = np.full(int(rows.index.max()) + 1 if len(rows) else 0, -1, dtype=np.int64)
    by_time = np.argsort(rows.time, kind="stable")
    newest[rows.index[by_time]] = rows.kind[by_time]
    return newest[newest >= 0]


def _stock_last_day(world: World) -> dict[str, dict[str, int]]:
    stock = world.stock
    return {
        name: {
            "skus": int(stock.carried[site].sum()),
            "on_hand": int(stock.on_hand[-1, site].sum()),
            "reserved": int(stock.reserved[-1, site].sum()),
            "inbound": int(stock.inbound[-1, site].sum()),
            "stock_outs": int(((stock.on_hand[-1, site] == 0) & stock.carried[site]).sum()),
        }
        for site, name in enumerate(SITES)
    }


def _planted_defects(world: World, plan: DefectPlan, order_no: Any) -> dict[str, Any]:
    config, orders = world.config, world.orders
    overcharge = plan.overcharge * world.lines.quantity[orders.first_line]
    edited_day = config.day_numbers(plan.edited_at)
    return {
        "late_orders": [
            {
                "order_no": order_no[order].as_py(),
                "created_on": str(config.date_of(orders.day[order])),
                "first_file": str(config.date_of(plan.first_day[order])),
            }
            for order in plan.late_orders.tolist()
        ],
        "edited_orders": [
            {
                "order_no": order_no[order].as_py(),
                "first_amount": yuan(orders.total[order] + overcharge[order]),
                "final_amount": yuan(orders.total[order]),
                "edited_on": str(config.date_of(edited_day[order])),
            }
            for order in plan.edited_orders.tolist()
        ],
        "unmapped_orders": [
            {
                "order_no": order_no[order].as_py(),
                "status": UNMAPPED_WORD,
                "status_in_truth": STATUS_WORDS[TMALL][world.state[order]],
                "total_amount": yuan(orders.total[order]),
                "paid_amount": yuan(world.paid[order]),
            }
            for order in plan.unmapped_orders.tolist()
        ],
    }


def _duplicates(world: World, records: dict[str, Records], order_no: Any) -> dict[str, list[str]]:
    """The ids of the rows that were written twice, per entity."""
    lines, stock, products = world.lines, world.stock, world.products
    buyers = buyer_ids(world)

    def stock_id(row: int) -> str:
        day, pair = divmod(row, stock.carried.size)
        site, sku = divmod(pair, len(products))
        return f"{world.config.date_of(day)}/{SITES[site]}/{products.skus[sku]}"

    listed: dict[str, list[str]] = {}
    for entity, rows in records.items():
        index = rows.copied
        if entity in ("orders", "payments"):
            ids = order_no.take(index).to_pylist()
        elif entity == "order_lines":
            numbers = order_no.take(lines.order[index]).to_pylist()
            ids = [f"{n}/{k}" for n, k in zip(numbers, lines.line_no[index].tolist(), strict=True)]
        elif entity == "refunds":
            ids = refund_numbers(world, index).to_pylist()
        elif entity == "parcels":
            ids = tracking_numbers(world, index).to_pylist()
        elif entity == "stock":
            ids = [stock_id(row) for row in index.tolist()]
        else:
            ids = buyers.take(index).to_pylist() if entity == "customers" else []
        listed[entity] = ids
    return listed


def _low_day(world: World) -> dict[str, Any] | None:
    day, channel = world.plan.low_day, ordering.LOW_DAY_CHANNEL
    if day is None:
        return None
    orders = world.orders
    count = int(((orders.day == day) & (orders.channel == channel)).sum())
    usual = world.plan.expected_orders[day, channel] / ordering.LOW_DAY_FACTOR
    return {
        "date": str(world.config.date_of(day)),
        "channel": CHANNELS[channel],
        "orders": count,
        "usual_orders": round(float(usual)),
    }


def _large_orders(world: World, order_no: Any) -> list[dict[str, Any]]:
    """All orders above 10,000 yuan, planted or not."""
    orders = world.orders
    planted = set(world.plan.large_orders.tolist())
    return [
        {
            "order_no": order_no[order].as_py(),
            "channel": CHANNELS[orders.channel[order]],
            "created_on": str(world.config.date_of(orders.day[order])),
            "total_amount": yuan(orders.total[order]),
            "is_above_50000": bool(orders.total[order] > VERY_LARGE_FEN),
            "is_planted": order in planted,
        }
        for order in np.flatnonzero(orders.total > LARGE_FEN).tolist()
    ]


def _leaking_step(world: World) -> dict[str, Any]:
    first = max(world.config.days - fulfilment.LEAK_DAYS, 0)
    return {
        "channel": CHANNELS[fulfilment.LEAK_CHANNEL],
        "step": "paid",
        "from": str(world.config.date_of(first)),
        "usual_rate": str(fulfilment.PAID_SHARES[fulfilment.LEAK_CHANNEL]),
        "rate_lower_by": str(fulfilment.LEAK_POINTS),
    }


def _late_lane() -> dict[str, Any]:
    return {
        "carrier": CARRIERS[YTO],
        "provinces": list(FAR_PROVINCES),
        "extra_days": [str(days) for days in fulfilment.LATE_LANE_EXTRA_DAYS],
    }


def _return_model(world: World) -> dict[str, Any]:
    """The planted chance of a delivered sale line to come back, in logits."""
    products = world.products
    return {
        "formula": "logit(chance) = sum of the effects that apply to the line",
        "intercept": str(returning.RETURN_INTERCEPT),
        "category": {c.slug: str(c.return_effect) for c in catalogue.CATEGORIES},
        "douyin_live": str(returning.DOUYIN_EFFECT),
        "store_pos": str(returning.STORE_EFFECT),
        "delivered_after_promise": str(returning.LATE_DELIVERY_EFFECT),
        "more_than_one_piece": str(returning.MULTI_PIECE_EFFECT),
        "person_sd": str(people.PERSON_RETURN_EFFECT_SD),
        "serial_returner_share": str(people.SERIAL_RETURNER_SHARE),
        "serial_returner": str(people.SERIAL_RETURNER_EFFECT),
        "sku": {
            sku: f"{effect:.4f}"
            for sku, effect in zip(products.skus, products.return_effect.tolist(), strict=True)
        },
        "mean_chance_of_a_line": f"{world.return_chance.sum() / max(len(world.lines), 1):.6f}",
    }


def _follow_up(world: World) -> dict[str, Any]:
    """Who bought diapers after infant formula: of all, and of those whose 90 days are over."""
    found = following.find_follow_ups(
        world.products,
        len(world.accounts),
        world.orders,
        world.lines,
        world.journeys.paid_at,
    )
    bought, followed = found.first_at != NEVER, found.followed_at != NEVER
    matured = found.first_at <= world.config.end_second - following.WITHIN_DAYS * DAY
    count, follows = int(matured.sum()), int((matured & followed).sum())
    return {
        "first": following.FIRST,
        "then": following.THEN,
        "within_days": following.WITHIN_DAYS,
        "planted_share": str(world.config.scenario.follow_up_share),
        "buyers": int(bought.sum()),
        "followed": int(followed.sum()),
        "matured_buyers": count,
        "matured_followed": follows,
        "matured_share": f"{follows / count:.4f}" if count else None,
    }


def _price_changes(world: World) -> list[dict[str, str]]:
    products = world.products
    return [
        {
            "sku": products.skus[sku],
            "changed_on": str(world.config.date_of(day)),
            "from": yuan(products.earlier_price[sku]),
            "to": yuan(products.list_price[sku]),
        }
        for sku, (at, day) in enumerate(
            zip(
                products.repriced_at.tolist(),
                world.config.day_numbers(products.repriced_at).tolist(),
                strict=True,
            )
        )
        if at != NEVER
    ]


def _account_names(world: World) -> list[str]:
    """`<channel>:<buyer id>` of each account."""
    pairs = zip(world.accounts.channel.tolist(), buyer_ids(world).to_pylist(), strict=True)
    return [f"{CHANNELS[channel]}:{buyer}" for channel, buyer in pairs]


def _people_on_two_channels(world: World) -> int:
    return int((np.bincount(world.accounts.person) > 1).sum())


def _by_word(words: tuple[str, ...], codes: Ints) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(words)).tolist()
    return dict(zip(words, counts, strict=True))
