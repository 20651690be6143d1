-- The newest version of an order has the status and the amount of the order; what a carrier or a refund adds to the
-- status is not in any version.
select
    versions.order_version_key,
    versions.order_status as version_status,
    orders.order_status,
    versions.gross_amount as version_amount,
    orders.gross_amount
from {{ ref('fct_order_versions') }} as versions
inner join {{ ref('fct_orders') }} as orders on versions.order_key = orders.order_key
where
    versions.is_current
    and orders.source in ('sandbox', 'taobao', 'douyin', 'wechat_store')
    and (
        versions.gross_amount != orders.gross_amount
        or (versions.order_status != orders.order_status and orders.order_status != 'delivered')
    )
