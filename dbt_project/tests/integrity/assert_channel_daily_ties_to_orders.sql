{{ config(meta={'dagster': {'ref': {'name': 'rpt_channel_daily'}}}) }}

-- The daily report and the orders it is made of give the same totals for every business and channel.
with daily as (
    select
        business,
        channel,
        sum(order_count) as order_count,
        sum(paid_order_count) as paid_order_count,
        sum(gross_amount) as gross_amount,
        sum(net_paid_amount) as net_paid_amount,
        sum(refunded_amount) as refunded_amount
    from {{ ref('rpt_channel_daily') }}
    group by business, channel
),

orders as (
    select
        business,
        channel,
        count(*) filter (where order_type = 'sale') as order_count,
        count(paid_at) filter (where order_type = 'sale') as paid_order_count,
        coalesce(sum(gross_amount) filter (where order_type = 'sale'), 0) as gross_amount,
        sum(net_paid_amount) as net_paid_amount,
        sum(refunded_amount) as refunded_amount
    from {{ ref('fct_orders') }}
    where order_type in ('sale', 'return')
    group by business, channel
)

(
    select * from daily
    except
    select * from orders
)
union all
(
    select * from orders
    except
    select * from daily
)
