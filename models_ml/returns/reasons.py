"""What moved a line's return risk, said as people in returns say it."""

from models_ml.risk.config import Phrase, ReasonGroup
from models_ml.risk.reasons import BASE_RATE_ONLY, NO_RAISED_RISK

_TIME = Phrase("order_time_unusual", "ordered at an unusual time", "下单时间特殊")
_CHANNEL = Phrase(
    "channel_risk_high", "channel {value} has more returns", "渠道 {value} 的退货较多"
)

REASON_GROUPS = (
    ReasonGroup(
        ("customer_prior_return_rate",),
        Phrase(
            "customer_return_rate_high", "the customer returned a lot before", "该客户以往退货多"
        ),
        Phrase(
            "customer_return_rate_low", "the customer returned little before", "该客户以往退货少"
        ),
    ),
    ReasonGroup(
        ("sku_prior_return_rate",),
        Phrase("sku_return_rate_high", "the article is often returned", "该商品常被退货"),
        Phrase("sku_return_rate_low", "the article is seldom returned", "该商品很少被退货"),
    ),
    ReasonGroup(
        ("customer_prior_lines", "customer_prior_days", "is_customer_known"),
        Phrase("customer_long_known", "the customer bought {value} lines before", "老客户"),
        Phrase("customer_new", "the customer is new or little known", "新客户或很少购买的客户"),
    ),
    ReasonGroup(
        ("sku_prior_lines",),
        Phrase("sku_often_sold", "the article sells often", "该商品常销"),
        Phrase("sku_rarely_sold", "the article sells rarely", "该商品少有销售"),
    ),
    ReasonGroup(
        ("quantity",),
        Phrase("quantity_high", "{value} units, typically {typical}", "数量偏多: {value} 件"),
        Phrase("quantity_low", "only {value} units", "数量偏少: {value} 件"),
    ),
    ReasonGroup(
        ("unit_price",),
        Phrase("unit_price_high", "high unit price: {value}", "单价偏高: {value}"),
        Phrase("unit_price_low", "low unit price: {value}", "单价偏低: {value}"),
    ),
    ReasonGroup(
        ("order_amount", "line_amount"),
        Phrase("order_amount_high", "large order: {value}", "订单金额偏大: {value}"),
        Phrase("order_amount_low", "small order: {value}", "订单金额偏小: {value}"),
    ),
    ReasonGroup(
        ("order_line_count",),
        Phrase("order_line_count_high", "many lines in the order: {value}", "订单行数多: {value}"),
        Phrase("order_line_count_low", "few lines in the order: {value}", "订单行数少: {value}"),
    ),
    ReasonGroup(
        (
            "hour_of_day",
            "day_of_week",
            "decided_at:hour",
            "decided_at:weekday",
            "decided_at:day_of_month",
        ),
        _TIME,
        _TIME,
    ),
    ReasonGroup(("channel", "channel:earlier_rate"), _CHANNEL, _CHANNEL),
)
REASON_CODES = tuple(
    dict.fromkeys(
        [phrase.code for group in REASON_GROUPS for phrase in (group.high, group.low)]
        + [NO_RAISED_RISK.code, BASE_RATE_ONLY.code]
    )
)
"""Every code that `top_reasons` may hold."""
