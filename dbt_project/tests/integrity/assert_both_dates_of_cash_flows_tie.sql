{{ config(meta={'dagster': {'ref': {'name': 'fct_order_cash_flows'}}}) }}

-- Both views hold the same money: per channel, kind and currency the sums agree with each other and with the payments
-- and refunds they are made of.
with by_event as (
    select
        business,
        channel,
        flow_type,
        currency_code,
        sum(flow_count) as flow_count,
        sum(amount) as amount
    from {{ ref('rpt_cash_flows_by_event_date') }}
    group by business, channel, flow_type, currency_code
),

by_order as (
    select
        business,
        channel,
        flow_type,
        currency_code,
        sum(flow_count) as flow_count,
        sum(amount) as amount
    from {{ ref('rpt_cash_flows_by_order_date') }}
    group by business, channel, flow_type, currency_code
),

sources_of_flows as (
    select
        orders.business,
        orders.channel,
        'payment' as flow_type,
        payments.currency_code,
        count(*) as flow_count,
        cast(sum(payments.amount) as decimal(38, 6)) as amount
    from {{ ref('fct_payments') }} as payments
    inner join {{ ref('fct_orders') }} as orders on payments.order_key = orders.order_key
    where payments.amount <> 0 and payments.paid_at is not null
    group by orders.business, orders.channel, payments.currency_code
    union all
    select
        orders.business,
        orders.channel,
        'refund' as flow_type,
        refunds.currency_code,
        count(*) as flow_count,
        cast(-sum(refunds.amount) as decimal(38, 6)) as amount
    from {{ ref('fct_refunds') }} as refunds
    inner join {{ ref('fct_orders') }} as orders on refunds.order_key = orders.order_key
    where refunds.refund_status = 'refunded' and refunds.amount <> 0 and refunds.refunded_at is not null
    group by orders.business, orders.channel, refunds.currency_code
)

(
    select * from by_event
    except
    select * from by_order
)
union all
(
    select * from by_order
    except
    select * from by_event
)
union all
(
    select * from sources_of_flows
    except
    select * from by_event
)
