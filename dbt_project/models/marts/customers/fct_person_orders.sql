-- A purchase is a paid sale that was not cancelled. Which of them is the first is asked of the person, not of the
-- account. Further orders on the same business date are the same purchase day: a basket that is split over two
-- orders is no return of the customer.
with documents as (
    select
        orders.order_key,
        orders.business,
        orders.source,
        orders.channel,
        orders.customer_key,
        coalesce(accounts.person_key, orders.customer_key) as person_key,
        orders.order_type,
        orders.order_type = 'sale' as is_purchase,
        orders.created_at,
        orders.created_on,
        case when orders.order_type = 'sale' then orders.gross_amount else 0 end as gross_amount,
        orders.net_paid_amount as net_amount,
        orders.currency_code,
        orders.known_at
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('person_accounts') }} as accounts on orders.customer_key = accounts.customer_key
    where
        orders.customer_key is not null
        and (
            orders.order_type = 'return'
            or ({{ is_purchase('orders') }})
        )
),

purchases as (
    select
        order_key,
        row_number() over (partition by business, person_key order by created_at, order_key) as purchase_number
    from documents
    where is_purchase
),

purchase_days as (
    select
        business,
        person_key,
        created_on,
        row_number() over (partition by business, person_key order by created_on) as purchase_day_number,
        lag(created_on) over (partition by business, person_key order by created_on) as previous_purchase_on,
        lead(created_on) over (partition by business, person_key order by created_on) as next_purchase_on
    from documents
    where is_purchase
    group by business, person_key, created_on
)

select
    documents.order_key,
    documents.business,
    documents.source,
    documents.channel,
    documents.person_key,
    documents.customer_key,
    documents.order_type,
    documents.is_purchase,
    cast(purchases.purchase_number as bigint) as purchase_number,
    coalesce(purchases.purchase_number = 1, false) as is_first_order,
    cast(purchase_days.purchase_day_number as bigint) as purchase_day_number,
    purchase_days.previous_purchase_on,
    purchase_days.next_purchase_on,
    documents.created_at,
    documents.created_on,
    cast(documents.gross_amount as decimal(18, 2)) as gross_amount,
    cast(documents.net_amount as decimal(18, 2)) as net_amount,
    documents.currency_code,
    documents.known_at
from documents
left join purchases on documents.order_key = purchases.order_key
left join purchase_days
    on
        documents.business = purchase_days.business
        -- A condition on one side alone would have the engine compare every row with every other.
        and case when documents.is_purchase then documents.person_key end = purchase_days.person_key
        and documents.created_on = purchase_days.created_on
