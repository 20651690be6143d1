{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{{ follow('orders') }}

-- Where one order of the business has the number, its key and channel; a number that several have says nothing.
select
    business,
    order_no,
    case when count(*) = 1 then min(order_key) end as order_key,
    case when count(*) = 1 then min(channel) end as channel,
    count(*) as order_count
from {{ ref('int_orders_unioned') }}
{{ where_touched() }}
group by business, order_no
