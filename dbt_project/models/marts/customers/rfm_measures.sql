with documents as (
    select * from {{ ref('fct_person_orders') }}
),

dates as (
    select
        business,
        as_of_date,
        cast(null as date) as previous_date
    from {{ ref('int_business_clock') }}
),

measured as (
    {{ rfm_measured('documents', 'customer_key', 'dates') }}
)

select
    business,
    customer_key,
    currency_code,
    first_order_at,
    last_order_at,
    rfm_recency,
    rfm_frequency,
    rfm_monetary
from measured
