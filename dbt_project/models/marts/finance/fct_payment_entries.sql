-- The order of an entry: the only order of the business with its number, else the only one whose payment the shop
-- reports under the provider's number of the payment. Where neither is, the entry has no order (yet).
with entries as (
    select * from {{ ref('int_payment_entries_unioned') }}
),

paid_orders as (
    select
        business,
        payment_no,
        min(order_no) as order_no
    from {{ ref('int_payments_unioned') }}
    group by business, payment_no
    having count(distinct order_no) = 1
),

numbered as (
    select
        entries.*,
        coalesce(by_number.order_key, by_payment.order_key) as order_key,
        case when by_number.order_key is not null then by_number.channel else by_payment.channel end as channel
    from entries
    left join {{ ref('int_order_numbers') }} as by_number
        on entries.business = by_number.business and entries.order_no = by_number.order_no
    left join paid_orders
        on
            entries.business = paid_orders.business
            and entries.provider_payment_no = paid_orders.payment_no
    left join {{ ref('int_order_numbers') }} as by_payment
        on paid_orders.business = by_payment.business and paid_orders.order_no = by_payment.order_no
)

select
    source || ':' || account || ':' || bill_kind || ':' || entry_no as payment_entry_key,
    business,
    source,
    account,
    bill_kind,
    entry_type,
    source_type,
    order_key,
    channel,
    order_no,
    provider_payment_no,
    settlement_no,
    description,
    amount,
    fee_amount,
    net_amount,
    currency_code,
    occurred_at,
    bill_date,
    row_number,
    balance_after,
    known_at
from numbered
