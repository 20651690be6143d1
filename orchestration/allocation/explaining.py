"""Why a line is served from where it is, or waits, in one sentence for people."""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """A sentence in both languages."""

    en: str
    zh: str


CAUSES: Final = {
    "parked": Words(
        "the order would be split and is worth too little for that",
        "订单需拆分发货，但金额不足以拆单",
    ),
    "nowhere": Words("no site that takes part has it", "参与分配的仓店均无货"),
    "out_of_reach": Words(
        "the sites that have it may not serve this address or accept no orders",
        "有货的仓店不服务该地址或不接单",
    ),
    "taken": Words(
        "lines that come first took the stock, or the sites' capacity is used up",
        "库存已被优先的订单行占用，或仓店产能已满",
    ),
    "overtaken": Words("somebody else reserved the stock at the same moment", "库存同时被他人预留"),
}
ALLOCATED: Final = Words("the warehouse has already allocated it", "仓库已分配")
SUPPLIED: Final = Words(
    "a supplier sends it to the customer, so no stock is reserved for it",
    "由供应商直发顾客，不再预留库存",
)
EARLIER: Final = Words("reserved by an earlier run", "此前已预留")


def reserved(
    site: str,
    units: int,
    distance_km: float | None,
    *,
    precision: str,
    cheaper_sites: int,
    possible_sites: int,
) -> Words:
    """Why these units come from this site.

    Args:
        site: where they are.
        units: how many.
        distance_km: to the customer; None where it is not known.
        precision: what the distance is to: the `address`, or the middle of its `region`.
        cheaper_sites: how many of the possible sites would have been cheaper.
        possible_sites: sites with stock that may serve the line.
    """
    far = Words("", "")
    if distance_km is not None:
        km = f"{distance_km:,.0f}"
        far = {
            "address": Words(f", {km} km from the address", f"，距收货地址 {km} 公里"),
            "region": Words(
                f", about {km} km from the customer's province", f"，距客户所在省份约 {km} 公里"
            ),
        }[precision]
    if possible_sites == 1:
        why = Words("the only site with stock that may serve it", "唯一可服务且有货的仓店")
    elif cheaper_sites == 0:
        why = Words(
            f"cheapest of {possible_sites} sites with stock",
            f"{possible_sites} 个有货仓店中成本最低",
        )
    else:
        why = Words(
            f"{cheaper_sites} of {possible_sites} sites with stock would be cheaper; their stock, "
            "room or the order's other lines are elsewhere",
            f"{possible_sites} 个有货仓店中有 {cheaper_sites} 个成本更低，"
            "但其库存、产能或同单其他商品在别处",
        )
    return Words(
        f"{units} reserved at {site}{far.en}: {why.en}",
        f"已在 {site} 预留 {units} 件{far.zh}：{why.zh}",
    )


def transfer(units: int, from_site: str, to_site: str, spare: int, cause: str) -> Words:
    """Why goods of another site are to come."""
    why = CAUSES[cause]
    return Words(
        f"{units} wait: {why.en}; {from_site} has {spare} to spare beyond its safety stock, "
        f"move them to {to_site}",
        f"{units} 件待货：{why.zh}；{from_site} 扣除安全库存后可调 {spare} 件，建议调往 {to_site}",
    )


def backorder(units: int, expected_on: str, cause: str) -> Words:
    """Why goods on their way in are waited for."""
    why = CAUSES[cause]
    return Words(
        f"{units} wait: {why.en}; goods are expected on {expected_on}",
        f"{units} 件待货：{why.zh}；预计 {expected_on} 到货",
    )


def waiting(units: int, cause: str) -> Words:
    """Why nothing is known to come."""
    why = CAUSES[cause]
    return Words(
        f"{units} wait: {why.en}; nothing is on its way, tried again with every count",
        f"{units} 件待货：{why.zh}；暂无在途，每次盘点后重试",
    )
