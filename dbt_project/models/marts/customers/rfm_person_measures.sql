with documents as (
    select * from {{ ref('fct_person_orders') }}
),

dates as (
    select
        business,
        as_of_date,
        previous_date
    from {{ ref('rfm_dates') }}
),

measured as (
    {{ rfm_measured('documents', 'person_key', 'dates') }}
)

select
    business,
    as_of_date,
    person_key,
    currency_code,
    first_order_at,
    last_order_at,
    rfm_recency,
    rfm_frequency,
    rfm_monetary
from measured
