{{ config(enabled=source_is_enabled('master_data')) }}

-- What an article leaves open is that of its first supplier, by the order of suppliers that the file gives.
with offers as (
    select
        prices.sku,
        coalesce(prices.lead_time_days, suppliers.lead_time_days) as lead_time_days,
        prices.pack_size
    from {{ ref('int_master_data__supplier_prices_classified') }} as prices
    left join {{ ref('int_master_data__suppliers_classified') }} as suppliers
        on prices.supplier_no = suppliers.supplier_no and suppliers.is_current
    where prices.is_current
    qualify row_number() over (
        partition by prices.sku
        order by
            prices.priority asc nulls last,
            prices.supplier_no asc,
            prices.valid_from desc nulls last,
            prices.minimum_order_quantity asc nulls first
    ) = 1
)

select
    'master_data' as source,
    products.sku,
    products.name,
    products.category,
    products.unit_cost,
    products.list_price,
    coalesce(products.lead_time_days, offers.lead_time_days) as lead_time_days,
    coalesce(products.pack_size, offers.pack_size) as pack_size,
    products.weight_kg,
    coalesce(products.currency_code, {{ currency_of('master_data') }}) as currency_code,
    products.received_at as known_at
from {{ ref('int_master_data__products_classified') }} as products
left join offers on products.sku = offers.sku
where products.is_current
