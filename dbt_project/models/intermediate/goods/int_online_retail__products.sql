{{ config(enabled=source_is_enabled('online_retail')) }}

-- The name that most lines of an article carry: descriptions are also used for stock notes.
with named as (
    select
        source,
        sku,
        currency_code,
        product_name,
        count(*) as line_count,
        min(known_at) as known_at
    from {{ ref('int_online_retail__order_lines') }}
    group by source, sku, currency_code, product_name
)

select
    source,
    sku,
    product_name as name,
    null as category,
    null as unit_cost,
    null as list_price,
    null as lead_time_days,
    null as pack_size,
    null as weight_kg,
    currency_code,
    min(known_at) over (partition by source, sku) as known_at
from named
qualify row_number() over (
    partition by source, sku
    order by (product_name is not null) desc, line_count desc, product_name asc
) = 1
