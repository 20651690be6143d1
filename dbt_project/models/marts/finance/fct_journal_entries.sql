-- Every document becomes one debit and one credit of the same amount; a negative amount changes the sides.
with documents as (
    select
        payments.business,
        'payment' as document_type,
        payments.payment_key as document_key,
        {{ business_date('payments.paid_at') }} as posted_on,
        payments.amount,
        payments.currency_code,
        payments.known_at
    from {{ ref('fct_payments') }} as payments
    union all
    select
        business,
        'shipment' as document_type,
        order_key as document_key,
        {{ business_date('shipped_at') }} as posted_on,
        paid_amount as amount,
        currency_code,
        known_at
    from {{ ref('fct_orders') }}
    where order_type = 'sale' and paid_at is not null and shipped_at is not null
    union all
    select
        refunds.business,
        case
            when orders.shipped_at <= refunds.refunded_at then 'refund_after_shipment' else 'refund_before_shipment'
        end as document_type,
        refunds.refund_key as document_key,
        {{ business_date('refunds.refunded_at') }} as posted_on,
        refunds.amount,
        refunds.currency_code,
        refunds.known_at
    from {{ ref('fct_refunds') }} as refunds
    left join {{ ref('fct_orders') }} as orders on refunds.order_key = orders.order_key
    where refunds.refund_status = 'refunded'
    union all
    select
        business,
        case when entry_type = 'payout' then 'payout' else 'fee' end as document_type,
        payment_entry_key as document_key,
        occurred_on as posted_on,
        cast(
            round(case when entry_type in ('payout', 'fee') then -net_amount else fee_amount end, 2) as decimal(18, 2)
        ) as amount,
        currency_code,
        known_at
    from {{ ref('fct_provider_entries') }}
    union all
    select
        business,
        'invoice' as document_type,
        invoice_key as document_key,
        issued_on as posted_on,
        amount,
        currency_code,
        known_at
    from {{ ref('fct_invoices') }}
    union all
    select
        business,
        'receipt' as document_type,
        receipt_key as document_key,
        arrived_on as posted_on,
        amount,
        currency_code,
        known_at
    from {{ ref('fct_receipts') }}
    union all
    select
        business,
        'allocation' as document_type,
        payment_allocation_key as document_key,
        {{ business_date('allocated_at') }} as posted_on,
        amount,
        currency_code,
        known_at
    from {{ ref('fct_payment_allocations') }}
),

ruled as (
    select
        documents.*,
        rules.debit_account,
        rules.credit_account
    from documents
    inner join {{ ref('journal_rules') }} as rules
        on documents.document_type = rules.document_type and documents.posted_on >= rules.valid_from
    where documents.posted_on is not null and documents.amount <> 0
    qualify row_number() over (
        partition by documents.document_type, documents.document_key
        order by rules.valid_from desc
    ) = 1
),

sides as (
    {%- for side, other in [('debit', 'credit'), ('credit', 'debit')] %}
    select
        business,
        document_type,
        document_key,
        posted_on,
        '{{ side }}' as side,
        case when amount > 0 then {{ side }}_account else {{ other }}_account end as account_code,
        abs(amount) as amount,
        currency_code,
        known_at
    from ruled
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    document_type || ':' || document_key || ':' || side as journal_entry_key,
    business,
    business || ':' || cast(posted_on as varchar) || ':' || document_type as batch_key,
    posted_on,
    document_type,
    document_key,
    account_code,
    cast(case when side = 'debit' then amount else 0 end as decimal(18, 2)) as debit_amount,
    cast(case when side = 'credit' then amount else 0 end as decimal(18, 2)) as credit_amount,
    currency_code,
    known_at
from sides
