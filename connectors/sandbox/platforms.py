"""The closed lists of the simulated retailer: channels, status words, carriers, places.

Here: constants only, in the words the platforms themselves use. Codes are positions in the lists.
"""

from typing import Final

CHANNELS: Final = ("tmall_flagship", "douyin_live", "store_pos", "shopify_global")
TMALL, DOUYIN, STORE, SHOPIFY = range(4)
BUYER_PREFIXES: Final = ("T", "D", "S", "G")

ORDER_TYPES: Final = ("sale", "sample")
SALE, SAMPLE = range(2)

ORDER_STATES: Final = ("awaiting_payment", "paid", "allocated", "shipped", "completed", "cancelled")
AWAITING, PAID, ALLOCATED, SHIPPED, COMPLETED, CANCELLED = range(6)
UNKNOWN_STATE: Final = "unknown"
UNMAPPED_WORD: Final = "TRADE_MYSTERY"

# One word per channel and state; a Tmall order that closes before payment has its own word.
STATUS_WORDS: Final = (
    (
        "WAIT_BUYER_PAY",
        "WAIT_SELLER_SEND_GOODS",
        "WAIT_SELLER_SEND_GOODS",
        "WAIT_BUYER_CONFIRM_GOODS",
        "TRADE_FINISHED",
        "TRADE_CLOSED",
    ),
    ("1", "105", "2", "3", "5", "4"),
    ("COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED", "VOID"),
    ("PENDING", "PAID", "PAID", "FULFILLED", "ARCHIVED", "CANCELLED"),
)
CLOSED_UNPAID_WORD: Final = "TRADE_CLOSED_BY_TAOBAO"

PAYMENT_METHODS: Final = ("alipay", "wechat_pay", "card", "cash")
PAYMENT_METHOD_SHARES: Final = (
    (1.0, 0.0, 0.0, 0.0),
    (0.45, 0.55, 0.0, 0.0),
    (0.35, 0.40, 0.17, 0.08),
    (0.15, 0.0, 0.85, 0.0),
)

REFUND_STATES: Final = ("REQUESTED", "SUCCESS", "REJECTED")
REQUESTED, SUCCESS, REJECTED = range(3)
REFUND_REASONS: Final = (
    "未发货取消",
    "拒收",
    "七天无理由",
    "质量问题",
    "尺码不合",
    "破损",
    "到货太慢",
    "空包",
)
CANCELLED_BEFORE_SHIPPING, REFUSED_AT_THE_DOOR = 0, 1
FIRST_RETURN_REASON: Final = 2
EMPTY_BOX: Final = 7

CARRIERS: Final = ("sf", "yto", "jd")
SF, YTO, JD = range(3)
CARRIER_PREFIXES: Final = ("SF", "YT", "JD")
PROMISED_DAYS: Final = (3, 4, 3)

PARCEL_STATES: Final = (
    "CREATED",
    "IN_TRANSIT",
    "OUT_FOR_DELIVERY",
    "DELIVERED",
    "EXCEPTION",
    "RETURNED",
)
LABELLED, IN_TRANSIT, OUT_FOR_DELIVERY, DELIVERED, EXCEPTION, RETURNED = range(6)

SITES: Final = ("wh_east", "wh_north", "store_sh01")
WH_EAST, WH_NORTH, STORE_SH01 = range(3)

# Province, rough share of the buyers (per mille), served from the northern warehouse.
PROVINCES: Final = (
    ("北京市", 40, True),
    ("天津市", 15, True),
    ("河北省", 50, True),
    ("山西省", 22, True),
    ("内蒙古自治区", 15, True),
    ("辽宁省", 30, True),
    ("吉林省", 16, True),
    ("黑龙江省", 20, True),
    ("上海市", 60, False),
    ("江苏省", 90, False),
    ("浙江省", 85, False),
    ("安徽省", 42, False),
    ("福建省", 38, False),
    ("江西省", 28, False),
    ("山东省", 75, True),
    ("河南省", 60, True),
    ("湖北省", 42, False),
    ("湖南省", 42, False),
    ("广东省", 125, False),
    ("广西壮族自治区", 25, False),
    ("海南省", 8, False),
    ("重庆市", 26, False),
    ("四川省", 60, False),
    ("贵州省", 20, False),
    ("云南省", 25, False),
    ("西藏自治区", 4, False),
    ("陕西省", 30, True),
    ("甘肃省", 14, True),
    ("青海省", 5, True),
    ("宁夏回族自治区", 6, True),
    ("新疆维吾尔自治区", 24, True),
)
PROVINCE_NAMES: Final = tuple(name for name, _, _ in PROVINCES)
FAR_PROVINCES: Final = ("新疆维吾尔自治区", "西藏自治区", "青海省")
SHANGHAI: Final = PROVINCE_NAMES.index("上海市")

ENTITY_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "orders": (
        "order_no",
        "channel",
        "buyer_id",
        "order_type",
        "status",
        "total_amount",
        "paid_amount",
        "created_at",
        "paid_at",
        "modified_at",
        "province",
    ),
    "order_lines": ("order_no", "line_no", "sku", "quantity", "unit_price", "line_amount"),
    "payments": ("payment_no", "order_no", "method", "amount", "paid_at"),
    "refunds": (
        "refund_no",
        "order_no",
        "line_no",
        "quantity",
        "amount",
        "status",
        "reason",
        "requested_at",
        "refunded_at",
        "modified_at",
    ),
    "parcels": (
        "tracking_no",
        "order_no",
        "carrier",
        "status",
        "shipped_at",
        "delivered_at",
        "promised_at",
        "modified_at",
    ),
    "stock": ("business_date", "site", "sku", "on_hand", "reserved", "inbound"),
    "products": (
        "sku",
        "name",
        "category",
        "unit_cost",
        "list_price",
        "lead_time_days",
        "pack_size",
        "modified_at",
    ),
    "customers": ("buyer_id", "channel", "name", "phone", "province", "registered_at"),
}
