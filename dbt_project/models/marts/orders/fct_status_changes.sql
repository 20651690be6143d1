-- Where a source keeps no history, the only change that is known is the one from nothing to the status of now.
with documents as (
    select
        order_type as document_type,
        order_key as document_key,
        business,
        source,
        order_status as to_status,
        event_at as changed_at,
        known_at,
        version_number as place
    from {{ ref('fct_order_versions') }}
    union all
    select
        'parcel' as document_type,
        business || ':' || tracking_no as document_key,
        business,
        source,
        shipment_status as to_status,
        happened_at as changed_at,
        known_at,
        0 as place
    from {{ ref('fct_shipment_scans') }}
    where tracking_no is not null and happened_at is not null
    union all
    select
        'after_sales' as document_type,
        exchange_key as document_key,
        business,
        source,
        'requested' as to_status,
        requested_at as changed_at,
        known_at,
        1 as place
    from {{ ref('fct_exchanges') }}
    union all
    select
        'after_sales' as document_type,
        exchange_key as document_key,
        business,
        source,
        'returned' as to_status,
        returned_at as changed_at,
        known_at,
        2 as place
    from {{ ref('fct_exchanges') }}
    union all
    select
        'after_sales' as document_type,
        exchange_key as document_key,
        business,
        source,
        'shipped' as to_status,
        shipped_at as changed_at,
        known_at,
        3 as place
    from {{ ref('fct_exchanges') }}
    union all
    select
        'after_sales' as document_type,
        exchange_key as document_key,
        business,
        source,
        'completed' as to_status,
        delivered_at as changed_at,
        known_at,
        4 as place
    from {{ ref('fct_exchanges') }}
    union all
    select
        'purchase' as document_type,
        purchase_order_line_key as document_key,
        business,
        source,
        purchase_order_status as to_status,
        ordered_at as changed_at,
        known_at,
        0 as place
    from {{ ref('fct_purchase_order_lines') }}
),

known as (
    select
        *,
        lag(to_status) over (
            partition by document_type, document_key order by changed_at, place, known_at, to_status
        ) as from_status
    from documents
    where changed_at is not null and to_status != 'unknown'
)

select
    document_type || '#' || document_key || '#' || row_number() over (
        partition by document_type, document_key order by changed_at, place, known_at, to_status
    ) as status_change_key,
    document_type,
    document_key,
    business,
    source,
    coalesce(from_status, 'start') as from_status,
    to_status,
    changed_at,
    known_at,
    {{ seconds_between('changed_at', 'known_at') }} as seconds_to_known
from known
where from_status is null or from_status != to_status
