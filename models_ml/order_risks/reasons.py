"""What moved an order's risk, said as people in dispatch, in sales and in risk control say it."""

from models_ml.risk.config import Phrase, ReasonGroup

_LOOK_TIME = ReasonGroup(
    ("decided_at:weekday", "decided_at:hour", "decided_at:day_of_month"),
    Phrase("day_unusual", "a day with other habits", "当天情况特殊"),
    Phrase("day_unusual", "a day with other habits", "当天情况特殊"),
)


def _both(code: str, en: str, zh: str) -> tuple[Phrase, Phrase]:
    return Phrase(code, en, zh), Phrase(code, en, zh)


LATE_DELIVERY_REASONS = (
    ReasonGroup(
        ("hours_to_promise",),
        Phrase("promise_far", "{value} h to the promise", "距承诺送达还有 {value} 小时"),
        Phrase("promise_near", "only {value} h to the promise", "距承诺送达仅剩 {value} 小时"),
    ),
    ReasonGroup(
        ("hours_since_shipping",),
        Phrase("shipped_long_ago", "under way for {value} h", "已发出 {value} 小时"),
        Phrase("shipped_lately", "shipped only {value} h ago", "发出仅 {value} 小时"),
    ),
    ReasonGroup(
        ("hours_unseen",),
        Phrase("not_seen", "no scan for {value} h", "{value} 小时没有新扫描"),
        Phrase("seen_lately", "scanned {value} h ago", "{value} 小时前刚扫描"),
    ),
    ReasonGroup(
        ("scan_count",),
        Phrase("many_scans", "{value} scans so far", "已有 {value} 次扫描"),
        Phrase("few_scans", "only {value} scans so far", "目前仅 {value} 次扫描"),
    ),
    ReasonGroup(
        ("is_out_for_delivery",),
        Phrase("out_for_delivery", "already out for delivery", "已在派送"),
        Phrase("not_out_for_delivery", "not out for delivery yet", "尚未派送"),
    ),
    ReasonGroup(
        ("has_exception",),
        Phrase("had_exception", "the carrier told of a problem", "承运商报告过异常"),
        Phrase("no_exception", "no problem told so far", "尚无异常"),
    ),
    ReasonGroup(
        (
            "lane:earlier_rate",
            "lane",
            "lane:earlier_rows",
            "lane:hours_since",
            "carrier:earlier_rate",
            "carrier",
        ),
        Phrase(
            "lane_often_late", "this carrier is often late on this lane", "该承运商在此线路常迟到"
        ),
        Phrase("lane", "how this carrier does on this lane", "该承运商在此线路的表现"),
    ),
    ReasonGroup(
        ("carrier_open_parcels",),
        Phrase("carrier_loaded", "the carrier is busy: {value} parcels", "承运商繁忙: {value} 件"),
        Phrase("carrier_idle", "the carrier has only {value} parcels", "承运商在途仅 {value} 件"),
    ),
    ReasonGroup(
        ("distance_km", "transport_mode", "transport_mode:earlier_rate"),
        Phrase("far", "far: {value} km", "路途远: {value} 公里"),
        Phrase("near", "near: {value} km", "路途近: {value} 公里"),
    ),
    ReasonGroup(
        ("weight_kg",),
        Phrase("heavy", "heavy: {value} kg", "较重: {value} 公斤"),
        Phrase("light", "light: {value} kg", "较轻: {value} 公斤"),
    ),
    ReasonGroup(
        ("site:earlier_rate", "site"),
        Phrase("site_often_late", "this site's parcels are often late", "该发货点的包裹常迟到"),
        Phrase("site", "the site that it left", "发货点"),
    ),
    ReasonGroup(
        ("channel:earlier_rate", "channel"),
        Phrase("channel_often_late", "this channel's parcels are often late", "该渠道的包裹常迟到"),
        Phrase("channel", "the channel that it was sold on", "销售渠道"),
    ),
    _LOOK_TIME,
)
NON_PAYMENT_REASONS = (
    ReasonGroup(
        ("age_hours",),
        Phrase("waited_long", "not paid for {value} h or more", "已超过 {value} 小时未付款"),
        Phrase("waited_little", "placed a short time ago", "下单不久"),
    ),
    ReasonGroup(
        ("customer_prior_unpaid_rate",),
        Phrase(
            "customer_often_unpaid", "the customer often left orders unpaid", "该客户常下单不付"
        ),
        Phrase("customer_pays", "the customer nearly always pays", "该客户几乎总付款"),
    ),
    ReasonGroup(
        ("customer_prior_orders",),
        Phrase("customer_known", "{value} earlier orders", "以往 {value} 单"),
        Phrase("customer_new", "new or little known customer", "新客户或少购客户"),
    ),
    ReasonGroup(
        ("gross_amount",),
        Phrase("amount_high", "large amount: {value}", "金额偏大: {value}"),
        Phrase("amount_low", "small amount: {value}", "金额偏小: {value}"),
    ),
    ReasonGroup(
        ("line_count", "unit_count"),
        Phrase("many_lines", "many lines: {value}", "行数多: {value}"),
        Phrase("few_lines", "few lines: {value}", "行数少: {value}"),
    ),
    ReasonGroup(
        ("channel:earlier_rate", "channel"),
        Phrase("channel_often_unpaid", "this channel's orders often stay unpaid", "该渠道常不付款"),
        Phrase("channel_pays", "this channel's orders are mostly paid", "该渠道大多付款"),
    ),
    ReasonGroup(
        ("province:earlier_rate", "province"),
        Phrase("province_often_unpaid", "orders from there often stay unpaid", "该地区常不付款"),
        Phrase("province_pays", "orders from there are mostly paid", "该地区大多付款"),
    ),
    ReasonGroup(
        ("province:earlier_rows",), *_both("province_rare", "an unusual address", "地区少见")
    ),
    ReasonGroup(
        ("province:hours_since",), *_both("province_pause", "an unusual address", "地区少见")
    ),
    ReasonGroup(
        ("hour_of_day", "day_of_week", *_LOOK_TIME.features),
        *_both("time_unusual", "ordered at an unusual time", "下单时间特殊"),
    ),
)
FRAUD_REASONS = (
    ReasonGroup(
        ("device_token:earlier_rate",),
        Phrase("device_had_fraud", "fraud came from its device before", "该设备曾有欺诈"),
        Phrase("device_was_honest", "its device was honest so far", "该设备以往正常"),
    ),
    ReasonGroup(
        ("address_token:earlier_rate",),
        Phrase("address_had_fraud", "fraud went to its address before", "该地址曾有欺诈"),
        Phrase("address_was_honest", "its address was honest so far", "该地址以往正常"),
    ),
    ReasonGroup(
        ("customer_key:earlier_rate",),
        Phrase("customer_had_fraud", "the customer was caught before", "该客户曾有欺诈"),
        Phrase("customer_was_honest", "the customer was honest so far", "该客户以往正常"),
    ),
    ReasonGroup(
        ("device_token:hours_since", "device_token:earlier_rows"),
        Phrase("device_new", "a new device, or one not seen for long", "新设备或久未使用的设备"),
        Phrase("device_just_used", "its device was used just before", "该设备刚刚下过单"),
    ),
    ReasonGroup(
        ("address_token:hours_since", "address_token:earlier_rows"),
        Phrase("address_new", "a new address, or one not used for long", "新地址或久未使用的地址"),
        Phrase("address_just_used", "its address was used just before", "该地址刚刚下过单"),
    ),
    ReasonGroup(
        (
            "device_accounts",
            "device_accounts_720h",
            "device_accounts_168h",
            "device_accounts_24h",
            "device_orders",
        ),
        Phrase(
            "device_shared",
            "{value} other customers ordered from its device",
            "同一设备另有 {value} 位客户下单",
        ),
        Phrase("device_own", "nobody else ordered from its device", "设备无他人使用"),
    ),
    ReasonGroup(
        (
            "address_accounts",
            "address_accounts_720h",
            "address_accounts_168h",
            "address_accounts_24h",
            "address_orders",
        ),
        Phrase(
            "address_shared",
            "{value} other customers ordered to its address",
            "同一地址另有 {value} 位客户下单",
        ),
        Phrase("address_own", "nobody else ordered to its address", "地址无他人使用"),
    ),
    ReasonGroup(
        ("sharing_evidence",),
        Phrase(
            "sharing_sudden",
            "customers came to its device or address suddenly",
            "设备或地址突现多位客户",
        ),
        Phrase("sharing_usual", "what it shares is as usual", "共用情况正常"),
    ),
    ReasonGroup(
        ("account_orders",),
        Phrase("customer_known", "{value} earlier orders", "以往 {value} 单"),
        Phrase("customer_new", "new or little known customer", "新客户或少购客户"),
    ),
    ReasonGroup(
        ("account_hours", "customer_key:hours_since", "customer_key:earlier_rows"),
        Phrase("paused_long", "last order {value} h ago", "距上次下单 {value} 小时"),
        Phrase("paused_little", "ordered again within {value} h", "{value} 小时内再次下单"),
    ),
    ReasonGroup(
        ("gross_amount",),
        Phrase("amount_high", "large amount: {value}", "金额偏大: {value}"),
        Phrase("amount_low", "small amount: {value}", "金额偏小: {value}"),
    ),
    ReasonGroup(
        ("line_count", "unit_count"),
        Phrase("many_lines", "many lines: {value}", "行数多: {value}"),
        Phrase("few_lines", "few lines: {value}", "行数少: {value}"),
    ),
    ReasonGroup(
        ("channel:earlier_rate", "channel"),
        Phrase("channel_often_fraud", "this channel has more fraud", "该渠道欺诈较多"),
        Phrase("channel_honest", "this channel has little fraud", "该渠道欺诈较少"),
    ),
    ReasonGroup(
        ("province:earlier_rate", "province", "province:earlier_rows", "province:hours_since"),
        Phrase("province_often_fraud", "more fraud went there", "该地区欺诈较多"),
        Phrase("province_honest", "little fraud went there", "该地区欺诈较少"),
    ),
    ReasonGroup(
        ("hour_of_day", "day_of_week", *_LOOK_TIME.features),
        *_both("time_unusual", "ordered at an unusual time", "下单时间特殊"),
    ),
)
