{{ config(enabled=source_is_enabled('odoo')) }}

-- A movement leaves one location and arrives at another; the ledger has the ends that are in a warehouse. Between two
-- locations of one warehouse nothing moves. Articles without a code are nobody's goods.
with locations as (
    select
        account,
        location_id,
        usage,
        case when usage = 'internal' then coalesce(warehouse, name) end as site
    from {{ ref('int_odoo__locations_classified') }}
    where is_current
),

moved as (
    select
        lines.*,
        products.sku,
        origins.site as from_site,
        destinations.site as to_site,
        coalesce(origins.usage, '?') || '>' || coalesce(destinations.usage, '?') as source_type
    from {{ ref('int_odoo__stock_movements_classified') }} as lines
    inner join {{ ref('int_odoo__products_classified') }} as products
        on lines.account = products.account and lines.product_id = products.product_id and products.is_current
    left join locations as origins
        on lines.account = origins.account and lines.from_location_id = origins.location_id
    left join locations as destinations
        on lines.account = destinations.account and lines.to_location_id = destinations.location_id
    where
        lines.is_current
        and lines.quantity > 0
        and products.sku is not null
        and origins.site is distinct from destinations.site
)

select
    'odoo' as source,
    account || '/' || line_id as movement_no,
    'out' as line_no,
    from_site as site,
    sku,
    source_type,
    -quantity as quantity,
    cast(null as decimal(18, 6)) as unit_cost,
    {{ currency_of('odoo') }} as currency_code,
    reference,
    moved_at,
    received_at as known_at
from moved
where from_site is not null
union all
select
    'odoo' as source,
    account || '/' || line_id as movement_no,
    'in' as line_no,
    to_site as site,
    sku,
    source_type,
    quantity,
    cast(null as decimal(18, 6)) as unit_cost,
    {{ currency_of('odoo') }} as currency_code,
    reference,
    moved_at,
    received_at as known_at
from moved
where to_site is not null
