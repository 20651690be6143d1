-- Every row has two dates: when the money moved, and when its order was placed.
with orders as (
    select * from {{ ref('fct_orders') }}
),

flows as (
    select
        'sale:' || order_key as cash_flow_no,
        order_key,
        'sale' as flow_type,
        gross_amount as amount,
        currency_code,
        created_at as moved_at,
        known_at
    from orders
    where order_type in ('sale', 'wholesale', 'return') and gross_amount <> 0
    union all
    select
        'payment:' || payment_key as cash_flow_no,
        order_key,
        'payment' as flow_type,
        cast(amount as decimal(18, 6)) as amount,
        currency_code,
        paid_at as moved_at,
        known_at
    from {{ ref('fct_payments') }}
    where amount <> 0
    union all
    select
        'refund:' || refund_key as cash_flow_no,
        order_key,
        'refund' as flow_type,
        -cast(amount as decimal(18, 6)) as amount,
        currency_code,
        refunded_at as moved_at,
        known_at
    from {{ ref('fct_refunds') }}
    where refund_status = 'refunded' and amount <> 0 and refunded_at is not null
    union all
    select
        'fee:' || payment_entry_key as cash_flow_no,
        order_key,
        'fee' as flow_type,
        case when entry_type = 'fee' then net_amount else -fee_amount end as amount,
        currency_code,
        occurred_at as moved_at,
        known_at
    from {{ ref('fct_provider_entries') }}
    where
        order_key is not null
        and entry_type <> 'payout'
        and case when entry_type = 'fee' then net_amount else fee_amount end <> 0
    union all
    select
        'collection:' || allocations.payment_allocation_key as cash_flow_no,
        invoices.order_key,
        'collection' as flow_type,
        cast(allocations.amount as decimal(18, 6)) as amount,
        allocations.currency_code,
        coalesce(receipts.arrived_at, allocations.allocated_at) as moved_at,
        allocations.known_at
    from {{ ref('fct_payment_allocations') }} as allocations
    inner join {{ ref('fct_invoices') }} as invoices on allocations.invoice_key = invoices.invoice_key
    left join {{ ref('fct_receipts') }} as receipts on allocations.receipt_key = receipts.receipt_key
    where invoices.order_key is not null
)

select
    flows.cash_flow_no as cash_flow_key,
    orders.business,
    orders.source,
    orders.channel,
    flows.order_key,
    flows.flow_type,
    cast(flows.amount as decimal(18, 6)) as amount,
    flows.currency_code,
    flows.moved_at,
    {{ business_date('flows.moved_at') }} as event_on,
    orders.created_on as ordered_on,
    greatest(flows.known_at, orders.known_at) as known_at
from flows
inner join orders on flows.order_key = orders.order_key
where flows.moved_at is not null
