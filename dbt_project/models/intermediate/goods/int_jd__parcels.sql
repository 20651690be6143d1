{{ config(enabled=source_is_enabled('jd')) }}

-- `A1,A2|B1` with carriers `463|2087`: the bar parts carriers. Shops with several carriers and no bar part both lists
-- by commas.
with orders as (
    select
        account,
        order_no,
        is_current,
        sent_out_at,
        modified_at,
        received_at,
        waybills,
        string_split_regex(coalesce(carrier_ids, ''), '[|,]') as carriers
    from {{ ref('int_jd__orders_classified') }}
    where disposition = 'used' and waybills is not null
),

carried as (
    select
        *,
        case
            when len(carriers) > 1 and not contains(waybills, '|') then string_split(waybills, ',')
            else string_split(waybills, '|')
        end as carrier_groups
    from orders
),

numbered as (
    select
        *,
        unnest(range(1, len(carrier_groups) + 1)) as group_no
    from carried
),

listed as (
    select
        account,
        order_no,
        is_current,
        sent_out_at,
        modified_at,
        received_at,
        case
            when len(carriers) = 1 then carriers[1]
            when len(carriers) = len(carrier_groups) then carriers[group_no]
        end as carrier_id,
        unnest(string_split(carrier_groups[group_no], ',')) as tracking_no
    from numbered
),

parcels as (
    select
        account,
        order_no,
        trim(tracking_no) as tracking_no,
        any_value(nullif(trim(carrier_id), '')) filter (where is_current) as carrier_id,
        -- An order is modified when its waybill is entered: the first version that has it tells when, at the latest.
        coalesce(min(sent_out_at), min(modified_at)) as shipped_at,
        max(received_at) as known_at
    from listed
    where trim(tracking_no) != ''
    group by account, order_no, trim(tracking_no)
    having bool_or(is_current)
)

select
    'jd' as source,
    parcels.tracking_no,
    parcels.order_no,
    coalesce(carrier_names.carrier, parcels.carrier_id) as carrier,
    'CONSIGNED' as source_status,
    parcels.shipped_at,
    null as promised_at,
    null as delivered_at,
    parcels.known_at
from parcels
left join {{ ref('int_jd__split_orders') }} as split_orders
    on parcels.account = split_orders.account and parcels.order_no = split_orders.order_no
left join {{ ref('carrier_names') }} as carrier_names
    on 'jd:' || parcels.carrier_id = carrier_names.name
where split_orders.order_no is null
