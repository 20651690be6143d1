{{ config(enabled=source_is_enabled('online_retail')) }}

with documents as (
    select
        source,
        order_no,
        currency_code,
        max(buyer_id) as buyer_id,
        max(country) as country,
        min(created_at) as created_at,
        min(known_at) as known_at,
        sum(line_amount) as gross_amount,
        bool_or(quantity > 0 and unit_price > 0) as has_sold_goods
    from {{ ref('int_online_retail__order_lines') }}
    group by source, order_no, currency_code
),

typed as (
    select
        *,
        case
            when order_no like 'C%' then 'return'
            when order_no like 'A%' then 'adjustment'
            when has_sold_goods then 'sale'
            else 'adjustment'
        end as order_type
    from documents
)

select
    source,
    'web' as channel,
    order_no,
    order_type,
    buyer_id,
    null as source_status,
    'completed' as derived_status,
    created_at,
    case when order_type = 'sale' then created_at end as paid_at,
    gross_amount,
    case when order_type = 'sale' then gross_amount else 0 end as paid_amount,
    currency_code,
    null as province_name,
    country,
    known_at
from typed
