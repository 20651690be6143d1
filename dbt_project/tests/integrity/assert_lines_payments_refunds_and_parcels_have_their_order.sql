{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- Records whose order has not arrived (or is in quarantine). They are kept and join as soon as it comes; a
-- warning, because late orders are normal.
with children as (
    select
        'fct_order_lines' as child,
        order_key
    from {{ ref('fct_order_lines') }}
    union all
    select
        'fct_payments' as child,
        order_key
    from {{ ref('fct_payments') }}
    union all
    select
        'fct_refunds' as child,
        order_key
    from {{ ref('fct_refunds') }}
    union all
    select
        'fct_parcels' as child,
        order_key
    from {{ ref('fct_parcels') }}
)

select
    children.child,
    children.order_key,
    count(*) as row_count
from children
left join {{ ref('fct_orders') }} as orders on children.order_key = orders.order_key
where orders.order_key is null
group by children.child, children.order_key
