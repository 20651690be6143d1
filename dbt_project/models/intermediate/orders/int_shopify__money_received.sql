{{ config(enabled=source_is_enabled('shopify')) }}

select
    transactions.account as channel,
    transactions.order_no,
    {{ shopify_number('transactions.transaction_id') }} as payment_no,
    transactions.gateway as method,
    -- Change is what a till gives back of the cash it took.
    case when transactions.kind = 'CHANGE' then -transactions.amount else transactions.amount end as amount,
    transactions.currency_code,
    coalesce(transactions.processed_at, transactions.modified_at) as paid_at,
    transactions.received_at as known_at
from {{ ref('int_shopify__transactions_classified') }} as transactions
inner join {{ ref('int_shopify__orders_classified') }} as orders
    on transactions.account = orders.account and transactions.order_no = orders.order_no and orders.is_current
where
    transactions.is_current
    and transactions.status = 'SUCCESS'
    and transactions.kind in ('SALE', 'CAPTURE', 'CHANGE')
    and not coalesce(transactions.is_test, false)
    and not coalesce(orders.is_test, false)
