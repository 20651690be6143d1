-- The words of platforms that no mapping knows, wherever one is asked: their rows count as `unknown`, `other` or under
-- their own name and are never dropped. A list to work off, by the seed that lacks the word.
with provinces as (
    select distinct province from {{ ref('province_names') }}
),

-- A business that has told of no article at all has no list to be missing from.
stocked as (
    select distinct business from {{ ref('dim_products') }}
),

spotted as (
    select
        'order_status_map' as mapping,
        source,
        channel as place,
        source_status as source_value,
        known_at
    from {{ ref('fct_orders') }}
    where order_status = 'unknown'
    union all
    select
        'refund_status_map' as mapping,
        source,
        channel as place,
        source_status as source_value,
        known_at
    from {{ ref('fct_refunds') }}
    where refund_status = 'unknown'
    union all
    select
        'shipment_status_map' as mapping,
        source,
        channel as place,
        source_status as source_value,
        known_at
    from {{ ref('fct_parcels') }}
    where shipment_status = 'unknown'
    union all
    select
        'carrier_scan_codes' as mapping,
        source,
        carrier as place,
        source_code as source_value,
        known_at
    from {{ ref('fct_shipment_scans') }}
    where shipment_status = 'unknown'
    union all
    select
        'purchase_order_status_map' as mapping,
        source,
        account as place,
        source_status as source_value,
        known_at
    from {{ ref('fct_purchase_order_lines') }}
    where purchase_order_status = 'unknown' and source_status is not null
    union all
    select
        'site_types' as mapping,
        source,
        site as place,
        source_type as source_value,
        known_at
    from {{ ref('dim_sites') }}
    where site_type = 'unknown' and source_type is not null
    union all
    select
        'sites' as mapping,
        source,
        cast(null as varchar) as place,
        site as source_value,
        known_at
    from {{ ref('dim_sites') }}
    where not is_listed
    union all
    select
        'stock_movement_type_map' as mapping,
        movements.source,
        movements.site as place,
        movements.source_type as source_value,
        movements.known_at
    from {{ ref('fct_stock_movements') }} as movements
    left join {{ ref('stock_movement_type_map') }} as types
        on movements.source = types.source and lower(movements.source_type) = types.source_type
    where types.movement_type is null
    union all
    select
        'payment_entry_type_map' as mapping,
        entries.source,
        entries.bill_kind as place,
        entries.source_type as source_value,
        entries.known_at
    from {{ ref('fct_payment_entries') }} as entries
    left join {{ ref('payment_entry_type_map') }} as types
        on
            entries.source = types.source
            and entries.bill_kind = types.bill_kind
            and entries.source_type = types.source_type
    where types.entry_type is null
    union all
    select
        'return_reason_map' as mapping,
        returns.source,
        returns.channel as place,
        returns.reason as source_value,
        returns.known_at
    from {{ ref('fct_returns') }} as returns
    left join {{ ref('return_reason_map') }} as known
        on known.source in (returns.source, '*') and returns.reason = known.source_reason
    where returns.reason is not null and known.reason_code is null
    union all
    select
        'channels' as mapping,
        orders.source,
        cast(null as varchar) as place,
        orders.channel as source_value,
        orders.known_at
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('dim_channels') }} as channels
        on orders.source = channels.source and orders.channel = channels.channel
    where not channels.is_listed
    union all
    select
        'carrier_names' as mapping,
        parcels.source,
        parcels.channel as place,
        parcels.carrier as source_value,
        parcels.known_at
    from {{ ref('fct_parcels') }} as parcels
    left join {{ ref('carrier_names') }} as names on {{ carrier_key('parcels.carrier') }} = names.name
    where parcels.carrier is not null and names.carrier is null
    union all
    select
        'province_names' as mapping,
        orders.source,
        orders.channel as place,
        orders.province as source_value,
        orders.known_at
    from {{ ref('fct_orders') }} as orders
    left join provinces on orders.province = provinces.province
    where
        orders.province is not null
        and provinces.province is null
        and coalesce(orders.country, 'China') in ('China', 'CN', '中国')
    union all
    select
        'products' as mapping,
        lines.source,
        lines.channel as place,
        lines.sku as source_value,
        lines.known_at
    from {{ ref('fct_order_lines') }} as lines
    inner join stocked on lines.business = stocked.business
    left join {{ ref('dim_products') }} as products on lines.business = products.business and lines.sku = products.sku
    where lines.is_product and lines.sku is not null and products.sku is null
    union all
    select
        'survey_words' as mapping,
        source,
        survey as place,
        case
            when question_code = 'other' then question
            when respondent_kind = 'unknown' then source_respondent_kind
            else source_answer
        end as source_value,
        known_at
    from {{ ref('fct_survey_answers') }}
    where question_code = 'other' or respondent_kind = 'unknown' or score is null
)

select
    mapping,
    source,
    coalesce(place, '') as place,
    coalesce(source_value, '') as source_value,
    count(*) as row_count,
    min(known_at) as first_known_at,
    max(known_at) as last_known_at
from spotted
group by mapping, source, coalesce(place, ''), coalesce(source_value, '')
