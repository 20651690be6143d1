{{ config(enabled=source_is_enabled('shopify')) }}

with fulfillments as (
    select * from {{ ref('int_shopify__fulfillments_classified') }}
    where is_current and status not in ('CANCELLED', 'ERROR', 'FAILURE')
),

elements as (
    {{ json_elements('fulfillments', ['account', 'fulfillment_id'], 'tracking') }}
),

numbers as (
    select
        account,
        fulfillment_id,
        json_extract_string(element, '$.number') as tracking_no,
        json_extract_string(element, '$.company') as carrier
    from elements
    where nullif(json_extract_string(element, '$.number'), '') is not null
),

parcels as (
    select
        coalesce(
            numbers.tracking_no, 'fulfillment/' || {{ shopify_number('fulfillments.fulfillment_id') }}
        ) as tracking_no,
        fulfillments.order_no,
        numbers.carrier,
        coalesce(fulfillments.display_status, fulfillments.status) as source_status,
        fulfillments.shipped_at,
        fulfillments.promised_at,
        fulfillments.delivered_at,
        fulfillments.received_at
    from fulfillments
    left join numbers
        on fulfillments.account = numbers.account and fulfillments.fulfillment_id = numbers.fulfillment_id
)

select
    'shopify' as source,
    tracking_no,
    order_no,
    any_value(carrier) as carrier,
    arg_max(source_status, shipped_at) as source_status,
    min(shipped_at) as shipped_at,
    max(promised_at) as promised_at,
    case when count(*) = count(delivered_at) then max(delivered_at) end as delivered_at,
    max(received_at) as known_at
from parcels
group by tracking_no, order_no
