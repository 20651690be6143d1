-- One article as several sources of a business describe it: the source that knows what it costs and how long it
-- takes to get goes first, the newest word next; what it leaves open is filled from the others. Amounts of another
-- currency than the first source's are left out, never converted.
with ranked as (
    select
        *,
        row_number() over (
            partition by business, sku
            order by (unit_cost is null), (lead_time_days is null), known_at desc, source asc
        ) as place,
        first_value(currency_code) over (
            partition by business, sku
            order by (unit_cost is null), (lead_time_days is null), known_at desc, source asc
        ) as first_currency
    from {{ ref('int_products_unioned') }}
)

select
    business || ':' || sku as product_key,
    business,
    arg_min(source, place) as source,
    sku,
    arg_min(name, place) filter (where name is not null) as name,
    arg_min(category, place) filter (where category is not null) as category,
    arg_min(unit_cost, place) filter (
        where unit_cost is not null and currency_code is not distinct from first_currency
    ) as unit_cost,
    arg_min(list_price, place) filter (
        where list_price is not null and currency_code is not distinct from first_currency
    ) as list_price,
    arg_min(lead_time_days, place) filter (where lead_time_days is not null) as lead_time_days,
    arg_min(pack_size, place) filter (where pack_size is not null) as pack_size,
    arg_min(weight_kg, place) filter (where weight_kg is not null) as weight_kg,
    max(first_currency) as currency_code,
    max(known_at) as known_at
from ranked
group by business, sku
