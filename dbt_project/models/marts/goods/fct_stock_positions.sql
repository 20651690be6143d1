select
    source,
    business_date,
    site,
    sku,
    on_hand,
    reserved,
    inbound,
    on_hand - reserved as available_to_sell,
    known_at
from {{ ref('int_stock_unioned') }}
