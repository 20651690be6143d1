"""Each rule of the starter pack: a row for which it fires, and a near miss for which it doesn't."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import InputError
from orchestration.decisions.definition import read_rule
from orchestration.decisions.evaluation import evaluate_rule, fill_texts
from orchestration.decisions.proposals import Proposal
from orchestration.decisions.rulebook import SHIPPED_RULES, read_rule_folder
from orchestration.decisions.sentences import rule_sentence
from orchestration.decisions.vocabulary import condition_words, label
from orchestration.tracking.links import TrackingLinks

ZONE = ZoneInfo("Asia/Shanghai")
NOW = "timestamptz '2026-11-21 08:00:00+00'"
ORDER = {
    "order_key": "'o'", "business": "'shop'", "source": "'till'", "channel": "'web'",
    "order_no": "'N1'", "order_type": "'sale'", "order_status": "'paid'",
    "gross_amount": "100::decimal(18, 2)", "currency_code": "'CNY'", "created_at": NOW,
}  # fmt: skip
AUDIT = ORDER | {
    "person_key": "'p'", "customer_key": "'c'", "previous_purchase_count": "3",
    "previous_rfm_segment": "null::varchar", "credit_limit": "1000::decimal(18, 2)",
    "exposure_amount": "100::decimal(18, 2)", "headroom_amount": "900::decimal(18, 2)",
}  # fmt: skip
PARCEL = {
    "parcel_key": "'p'", "order_key": "'o'", "order_no": "'N1'", "tracking_no": "'SF1234567'",
    "business": "'shop'", "channel": "'web'", "carrier": "'sf'", "shipment_status": "'in_transit'",
    "shipped_at": "timestamptz '2026-11-18 08:00:00+00'",
    "promised_at": "timestamptz '2026-11-20 08:00:00+00'",
    "delivered_at": "null::timestamptz",
}  # fmt: skip
EXPOSURE = {
    "customer_key": "'c'", "currency_code": "'CNY'", "business": "'shop'", "channel": "'b2b'",
    "credit_limit": "1000::decimal(18, 2)", "exposure_amount": "1050.01::decimal(18, 2)",
    "open_receivable_amount": "1050.01::decimal(18, 2)", "open_order_amount": "0::decimal(18, 2)",
    "unapplied_amount": "0::decimal(18, 2)", "is_over_limit": "true",
}  # fmt: skip
STOCK = {
    "business": "'shop'", "site": "'wh'", "sku": "'A'", "business_date": "date '2026-11-20'",
    "on_hand": "30", "reserved": "1", "inbound": "20",
}  # fmt: skip
STAGE = {
    "order_stage_key": "'s'", "order_key": "'o'", "business": "'shop'", "channel": "'web'",
    "stage": "'shipping'", "department": "'warehouse'", "stage_status": "'running'",
    "entered_at": "timestamptz '2026-11-20 08:00:00+00'", "left_at": "null::timestamptz",
    "due_at": NOW,
}  # fmt: skip
STUCK = {
    "parcel_performance_key": "'p'", "order_key": "'o'", "parcel_no": "'SF1'", "carrier": "'sf'",
    "business": "'shop'", "channel": "'web'", "stage": "'in_transit'", "is_stuck": "true",
    "outcome": "'overdue'", "unseen_minutes": "1440", "limit_hours": "48",
    "last_seen_at": "timestamptz '2026-11-18 08:00:00+00'",
    "net_paid_amount": "80::decimal(18, 2)", "currency_code": "'CNY'",
}  # fmt: skip
RETURN = {
    "return_key": "'r'", "order_key": "'o'", "business": "'shop'", "source": "'till'",
    "channel": "'web'", "return_type": "'refund'", "reason_code": "'wrong_size'",
    "return_status": "'refunding'", "is_completed": "false",
    "refund_amount": "200.00::decimal(18, 2)", "currency_code": "'CNY'", "requested_at": NOW,
}  # fmt: skip
PRICE = {
    "price_violation_key": "'v'", "order_key": "'o'", "business": "'shop'", "channel": "'web'",
    "sku": "'A'", "violation_type": "'below_policy'", "quantity": "2", "currency_code": "'CNY'",
    "unit_price": "9.50::decimal(18, 6)", "lowest_price": "10::decimal(18, 6)",
    "created_on": "date '2026-11-21'",
}  # fmt: skip
INVOICE = {
    "invoice_key": "'i'", "business": "'shop'", "channel": "'b2b'", "invoice_no": "'F2'",
    "first_invoice_key": "'h'", "order_key": "'o'", "amount": "10::decimal(18, 2)",
    "order_amount": "100::decimal(18, 2)", "invoiced_so_far_amount": "100.01::decimal(18, 2)",
    "currency_code": "'CNY'",
}  # fmt: skip
ALLOCATED = {
    "reservation_id": "'allocation:o:1:1'", "site": "'wh'", "business": "'shop'", "line_no": "1",
    "channel": "'web'", "order_no": "'N1'", "sku": "'A'", "quantity": "2", "priority": "3",
    "decision": "'reserve'", "distance_km": "12.5::double", "explanation_en": "'because'",
    "explanation_zh": "'因为'",
}  # fmt: skip
RECALLED = {
    "pick_decision_id": "'d1'", "reservation_id": "'allocation:o:1:1'", "business": "'shop'",
    "channel": "'web'", "order_no": "'N1'", "line_no": "1", "site": "'wh'", "sku": "'A'",
    "quantity": "2", "reason_en": "'because'", "reason_zh": "'因为'",
}  # fmt: skip
DROP_SHIPPED = {
    "drop_shipment_key": "'o:1'", "business": "'shop'", "channel": "'web'", "order_key": "'o'",
    "order_no": "'N1'", "line_no": "1", "sku": "'A'", "quantity": "2", "state": "'to_order'",
    "supplier_key": "'s:-:1'", "supplier_no": "'1'", "unit_price": "9.50::decimal(18, 6)",
    "amount": "19::decimal(18, 2)", "currency_code": "'CNY'", "explanation_en": "'because'",
    "explanation_zh": "'因为'",
}  # fmt: skip
DROP_RECALLED = DROP_SHIPPED | {
    "state": "'to_recall'", "recall_key": "'d1'", "decision_id": "'d1'",
    "purchase_order_no": "'P7'", "recall_reason": "'cancelled'",
    "reason_en": "'the order is cancelled'", "reason_zh": "'订单已取消'",
}  # fmt: skip
NOT_INVOICED = {
    "order_key": "'o'", "business": "'shop'", "channel": "'b2b'", "order_no": "'N1'",
    "customer_key": "'c'", "order_status": "'shipped'", "left_on": "date '2026-11-18'",
    "gross_amount": "100::decimal(18, 2)", "currency_code": "'CNY'",
}  # fmt: skip
FRAUD = {
    "business": "'shop'", "risk": "'fraud'", "order_key": "'o'", "order_no": "'N1'",
    "risk_score": "0.4", "is_above_threshold": "true", "gross_amount": "99::decimal(18, 2)",
    "currency_code": "'CNY'", "reasons_en": "'3 others use its device'",
    "reasons_zh": "'同一设备另有 3 位客户下单'", "decided_at": NOW, "model_version": "'fraud-1'",
}  # fmt: skip
SOON_LATE = {
    "business": "'shop'", "risk": "'late_delivery'", "order_key": "'o'", "parcel_no": "'SF1'",
    "risk_score": "0.7", "is_above_threshold": "true", "reasons_en": "'near'",
    "reasons_zh": "'路途近'", "decided_at": NOW, "model_version": "'late-delivery-1'",
}  # fmt: skip
RELATED = {
    "business": "'shop'", "item_type": "'sku'", "person_key": "'p'", "customer_key": "'c'",
    "channel": "'web'", "order_key": "'o'", "order_no": "'N1'", "bought_item": "'A'",
    "purchased_at": "timestamptz '2026-11-18 08:00:00+00'", "offered_item": "'B'",
    "follower_count": "20", "buyer_count": "400", "consequent_buyer_count": "50",
    "person_count": "9000", "lag_days": "12",
}  # fmt: skip
STORE = {
    "order_key": "'o'", "order_no": "'N1'", "business": "'shop'", "channel": "'web'",
    "order_status": "'paid'", "paid_at": NOW, "store_site": "'store_1'", "has_stock": "true",
    "is_address_known": "true",
    "distance_km": "3.00::decimal(9, 2)",
}  # fmt: skip


def yuan(amount: object) -> str:
    return f"{amount}::decimal(18, 2)"


@dataclass(frozen=True)
class Case:
    """A rule, a row for which it fires with which branch, and changes that make it a near miss."""

    rule_id: str
    row: dict[str, str]
    near_miss: dict[str, str]
    branch: str | None = None
    actions: tuple[str, ...] = ()


WORK_ORDER = {
    "business": "'shop'", "site": "'east'", "sku": "'SET'", "business_date": "date '2026-11-21'",
    "quantity": "72", "starts_on": "date '2026-11-26'", "finishes_on": "date '2026-11-28'",
    "wanted_on": "date '2026-11-23'", "days_late": "5", "explanation_en": "'make 72 of 147 TEA'",
    "explanation_zh": "'自制 72 件，需 147 TEA'",
}  # fmt: skip
CASES = [
    Case("approve_order_amount", AUDIT | {"gross_amount": yuan("5000.01")},
         {"gross_amount": yuan("5000.00")}, "supervisor", ("request_approval",)),
    Case("approve_order_amount", AUDIT | {"gross_amount": yuan("10000.01")},
         {"order_status": "'cancelled'"}, "general_manager", ("request_approval", "create_task")),
    Case("approve_order_amount", AUDIT | {"gross_amount": yuan("50000.01")},
         {"currency_code": "'USD'"}, "chief_financial_officer", ("request_approval",)),
    Case("approve_order_amount", AUDIT | {"gross_amount": yuan("100000.01")},
         {"order_type": "'return'"}, "board", ("request_approval", "request_approval")),
    Case("approve_order_amount",
         AUDIT | {"gross_amount": yuan("50000.01"), "previous_rfm_segment": "'none'"},
         {"gross_amount": yuan("50000.00")}, "chief_financial_officer", ("request_approval",)),
    Case("prepay_first_order",
         AUDIT | {"order_status": "'awaiting_payment'", "previous_purchase_count": "0"},
         {"previous_purchase_count": "1"}, None, ("require_prepayment",)),
    Case("prepay_first_order",
         AUDIT | {"order_status": "'created'", "previous_purchase_count": "0"},
         {"previous_purchase_count": "null::bigint"}, None, ("require_prepayment",)),
    Case("release_sample_order", ORDER | {"order_type": "'sample'", "gross_amount": yuan(5000)},
         {"gross_amount": yuan("5000.01")}, None, ("release_order",)),
    Case("freeze_over_credit_limit", EXPOSURE, {"is_over_limit": "false"}, "freeze",
         ("freeze_customer", "notify")),
    Case("freeze_over_credit_limit", EXPOSURE | {"exposure_amount": yuan("1050.00")},
         {"credit_limit": "null::decimal(18, 2)"}, "warn", ("notify",)),
    Case("request_purchase_low_stock", STOCK, {"inbound": "21"}, None,
         ("request_purchase", "notify")),
    Case("coupon_late_delivery", PARCEL,
         {"promised_at": "timestamptz '2026-11-20 08:00:01+00'"}, None, ("issue_coupon",)),
    Case("coupon_late_delivery", PARCEL | {"shipment_status": "'exception'"},
         {"delivered_at": NOW}, None, ("issue_coupon",)),
    Case("coupon_related_product", RELATED,
         {"purchased_at": "timestamptz '2026-11-18 08:00:01+00'"}, None, ("issue_coupon",)),
    Case("coupon_related_product", RELATED, {"buyer_count": "401"}, None, ("issue_coupon",)),
    Case("coupon_related_product", RELATED | {"buyer_count": "19"}, {"follower_count": "19"}, None,
         ("issue_coupon",)),
    Case("coupon_related_product", RELATED, {"item_type": "'category'"}, None, ("issue_coupon",)),
    Case("notify_shipped", PARCEL, {"tracking_no": "null::varchar"}, None, ("notify",)),
    Case("route_to_nearby_store", STORE | {"distance_km": "2.99::decimal(9, 2)"},
         {"order_status": "'awaiting_payment'"}, "store", ("route_order", "notify")),
    Case("route_to_nearby_store", STORE, {"channel": "'store_pos'"}, "store",
         ("route_order", "notify")),
    Case("route_to_nearby_store", STORE | {"distance_km": "3.01::decimal(9, 2)"},
         {"channel": "'store_pos'"}, "warehouse", ("route_order",)),
    Case("route_to_nearby_store", STORE | {"is_address_known": "false"},
         {"channel": "'store_pos'"}, "warehouse", ("route_order",)),
    Case("route_to_nearby_store", STORE | {"has_stock": "false"},
         {"order_status": "'shipped'"}, "no_stock", ("route_order",)),
    Case("notify_new_order", ORDER, {"order_type": "'return'"}, None, ("notify",)),
    Case("escalate_stage_overdue", STAGE, {"due_at": "timestamptz '2026-11-21 08:00:01+00'"},
         "escalate", ("escalate",)),
    Case("escalate_stage_overdue", STAGE | {"stage": "'payment'"}, {"left_at": NOW},
         "remind", ("notify",)),
    Case("resolve_stuck_parcel", STUCK, {"unseen_minutes": "1439"}, None, ("create_task",)),
    Case("review_large_order_on_poor_credit",
         AUDIT | {"gross_amount": yuan(10000), "headroom_amount": yuan("99.99")},
         {"headroom_amount": yuan(100)}, None, ("request_approval", "review_contract")),
    Case("review_contract_clauses",
         AUDIT | {"gross_amount": yuan(50000), "headroom_amount": yuan("99.99")},
         {"gross_amount": yuan("49999.99")}, None, ("request_approval", "notify")),
    Case("review_suspected_fraud", FRAUD, {"risk": "'non_payment'"}, None, ("request_approval",)),
    Case("review_suspected_fraud", FRAUD | {"gross_amount": yuan(1)},
         {"is_above_threshold": "false"}, None, ("request_approval",)),
    Case("warn_of_late_parcel", SOON_LATE, {"is_above_threshold": "false"}, None,
         ("create_task",)),
    Case("warn_of_late_parcel", SOON_LATE, {"risk": "'non_payment'"}, None, ("create_task",)),
    Case("approve_small_return", RETURN, {"refund_amount": yuan("200.01")}, None,
         ("approve_return",)),
    Case("alert_price_below_policy", PRICE, {"quantity": "1"}, None, ("notify",)),
    Case("alert_invoiced_twice", INVOICE, {"invoiced_so_far_amount": yuan(100)}, None,
         ("create_task",)),
    Case("make_below_reorder_point", WORK_ORDER, {"quantity": "0"}, None, ("create_task",)),
    Case("pick_reserved_lines", ALLOCATED, {"decision": "'backorder'"}, None,
         ("create_pick_list",)),
    Case("recall_released_picks", RECALLED, {"quantity": "0"}, None, ("recall_pick_list",)),
    Case("drop_ship_unstocked_lines", DROP_SHIPPED, {"state": "'asked'"}, None,
         ("create_drop_shipment",)),
    Case("recall_drop_shipments", DROP_RECALLED, {"state": "'recalling'"}, None,
         ("recall_drop_shipment",)),
    Case("alert_shipped_not_invoiced", NOT_INVOICED, {"left_on": "date '2026-11-19'"}, None,
         ("create_task",)),
]  # fmt: skip
ALERTS_BEFORE = {
    "alert_channel_orders_low", "alert_large_order", "replenish_below_reorder_point",
    "transfer_surplus_stock",
}  # fmt: skip


def proposals(lake: Any, rule_id: str, row: dict[str, str]) -> list[Proposal]:
    definition = read_rule(SHIPPED_RULES / f"{rule_id}.yml")
    columns = ", ".join(f"{value} as {name}" for name, value in row.items())
    lake.execute(f"create or replace table {definition.source_table} as select {columns}")
    lake.execute(
        f"create or replace table int_business_clock as select 'shop' as business, {NOW} as as_of"
    )
    found = evaluate_rule(definition, lake, zone=ZONE, tracking_link="https://t.example/{}".format)
    assert (found.errors, found.skipped) == ((), None)
    return list(found.proposals)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule_id}-{case.branch}")
def test_rule_fires_for_the_row_and_not_for_its_near_miss(lake: Any, case: Case) -> None:
    fired = proposals(lake, case.rule_id, case.row)
    assert [(one.branch, tuple(a.type for a in one.actions)) for one in fired] == [
        (case.branch, case.actions)
    ]
    assert "{" not in fired[0].message["en"] + fired[0].message["zh"]
    assert proposals(lake, case.rule_id, case.row | case.near_miss) == []


def test_every_rule_of_the_pack_has_its_case() -> None:
    tested = {case.rule_id for case in CASES} | ALERTS_BEFORE
    assert tested == {rule.rule_id for rule in read_rule_folder()}


def test_only_the_harmless_are_enabled() -> None:
    enabled = {rule.rule_id for rule in read_rule_folder() if rule.is_active}
    assert enabled == ALERTS_BEFORE


def test_exempt_customers_pass_up_to_the_amount_of_the_chief(lake: Any) -> None:
    definition = read_rule(SHIPPED_RULES / "approve_order_amount.yml")
    exempt = definition.with_parameters({"exempt_segment": "champions"})
    for amount, segment, expected in (
        ("50000.00", "champions", 0), ("50000.01", "champions", 1), ("5000.01", "loyal", 1),
    ):  # fmt: skip
        row = AUDIT | {"gross_amount": yuan(amount), "previous_rfm_segment": f"'{segment}'"}
        proposals(lake, "approve_order_amount", row)
        assert len(evaluate_rule(exempt, lake, zone=ZONE).proposals) == expected


def test_stuck_parcels_come_with_ways_out_and_their_cost(lake: Any) -> None:
    found = proposals(lake, "resolve_stuck_parcel", STUCK)[0]
    assert [(o.name, str(o.cost), o.currency_code) for o in found.options] == [
        ("chase", "3.00", "CNY"), ("coupon", "5.00", "CNY"), ("reship", "12.00", "CNY"),
    ]  # fmt: skip


def test_shipped_orders_are_told_with_a_link_that_leads_to_them(lake: Any) -> None:
    links = TrackingLinks("k" * 32, "https://shop.example")
    made = datetime(2026, 11, 20, tzinfo=UTC)
    definition = read_rule(SHIPPED_RULES / "notify_shipped.yml")
    proposals(lake, "notify_shipped", PARCEL | {"shipped_at": NOW})
    found = evaluate_rule(
        definition, lake, zone=ZONE,
        tracking_link=lambda order_key: links.issue(order_key, now=made).url,
    )  # fmt: skip
    (proposal,) = found.proposals
    for text in proposal.actions[0].message.values():
        token = text.rpartition("https://shop.example/track/")[2]
        assert links.read(token, now=made) == proposal.explanation["order_key"]
    assert "https://" not in str(proposal.explanation)
    # Without anything that makes links, the row is an error and no message has a gap.
    without = evaluate_rule(definition, lake, zone=ZONE)
    assert without.proposals == ()
    assert "needs {tracking_link}" in without.errors[0]


def test_coupon_tells_the_customer_and_has_its_cost(lake: Any) -> None:
    found = proposals(lake, "coupon_late_delivery", PARCEL)[0]
    assert str(found.cost) == "5.00"
    assert found.actions[0].fields == {"order_no": "N1", "amount": "5.00"}
    assert (
        found.actions[0].message["zh"] == "您的订单 N1 配送延误，我们深表歉意，送您 5.00 元优惠券。"
    )


def test_related_product_is_offered_once_a_person_whatever_they_buy_next(lake: Any) -> None:
    first = proposals(lake, "coupon_related_product", RELATED)[0]
    assert first.actions[0].fields == {
        "order_no": "N1", "amount": "5.00", "item_type": "sku", "item": "B",
    }  # fmt: skip
    assert "20 of 400 buyers" in first.message["en"]
    later = RELATED | {"order_key": "'o2'", "order_no": "'N2'", "offered_item": "'C'"}
    again = proposals(lake, "coupon_related_product", later)[0]
    assert again.decision_id == first.decision_id
    other = proposals(lake, "coupon_related_product", RELATED | {"person_key": "'q'"})[0]
    assert other.decision_id != first.decision_id


def test_texts_filled_anew_tell_the_tracking_link_as_at_first() -> None:
    rule = read_rule(SHIPPED_RULES / "notify_shipped.yml")
    values = dict.fromkeys(rule.recorded_columns, "x") | {"order_key": "shop:1"}
    values["shipped_at"] = "2026-11-18T08:00:00+00:00"
    link = "https://t.example/{}".format
    message, actions = fill_texts(rule, None, values, zone=ZONE, tracking_link=link)
    texts = [*message.values(), *(text for one in actions for text in one.message.values())]
    assert any("https://t.example/shop:1" in text for text in texts)
    with pytest.raises(InputError, match="tracking_link"):
        fill_texts(rule, None, values, zone=ZONE)


@pytest.mark.parametrize("rule", read_rule_folder(), ids=lambda rule: rule.rule_id)
def test_every_rule_reads_as_one_sentence_in_both_languages(rule: Any) -> None:
    english, chinese = rule_sentence(rule, "en"), rule_sentence(rule, "zh")
    assert english.endswith(f"owner {label('people', rule.owner, 'en')}, priority {rule.priority}.")
    assert chinese.endswith("。")
    for language, sentence in (("en", english), ("zh", chinese)):
        assert label("tables", rule.source_table, language) in sentence
        assert not re.search(r"[a-z]_[a-z]|<|=", sentence), "columns and signs have words"
    assert english.count(". ") == 0


@pytest.mark.parametrize(
    ("condition", "english", "chinese"),
    [
        ("not is_stuck", "it is not stuck", "未滞留"),
        ("is_gift", "it is gift", "is gift"),
        ("delivered_at is null", "there is no delivery yet", "尚无签收时间"),
        ("order_status not in ('paid')", "order state is not paid", "订单状态不为已付款"),
        ("quantity between 1 and :most", "quantity is from 1 to 9", "数量在 1 至 9 之间"),
        ("quantity > :unset", "quantity is above unset", "数量高于 unset"),
        ("total_weight <= -1", "total weight is at most −1", "total weight不高于 −1"),
        ("is_over_limit = false or on_hand * 2 > 3", None, None),
    ],
)
def test_conditions_are_read_as_words(
    condition: str, english: str | None, chinese: str | None
) -> None:
    values = {"most": "9"}
    for language, expected in (("en", english), ("zh", chinese)):
        words = condition_words(condition, language, values.get)
        assert expected is None or words == expected
        assert "_" not in words
