with registered as (
    select
        {{ customer_key('customers.source', 'customers.channel', 'customers.buyer_id') }} as customer_key,
        customers.business,
        customers.source,
        customers.channel,
        customers.name_token,
        customers.phone_token,
        customers.registered_at,
        coalesce(province_names.province, customers.province_name) as province
    from {{ ref('int_customers_unioned') }} as customers
    left join {{ ref('province_names') }} as province_names
        on customers.province_name = province_names.name
),

-- An account may order through several sources; the key names the one that knows it.
ordering as (
    select
        customer_key,
        min(business) as business,
        split_part(customer_key, ':', 1) as source,
        min(channel) as channel,
        max(province) as province,
        min(currency_code) as currency_code
    from {{ ref('fct_orders') }}
    where customer_key is not null
    group by customer_key
),

currencies as (
    select
        source,
        channel,
        currency_code
    from {{ ref('dim_channels') }}
),

known as (
    select
        coalesce(ordering.customer_key, registered.customer_key) as customer_key,
        coalesce(ordering.business, registered.business) as business,
        coalesce(ordering.source, registered.source) as source,
        coalesce(ordering.channel, registered.channel) as channel,
        registered.name_token,
        registered.phone_token,
        registered.registered_at,
        ordering.currency_code,
        coalesce(registered.province, ordering.province) as province
    from ordering
    full outer join registered on ordering.customer_key = registered.customer_key
),

measured as (
    select * from {{ ref('rfm_measures') }}
),

boundaries as (
    select * from {{ ref('rfm_boundaries') }}
),

grid as (
    select * from {{ ref('rfm_segment_grid') }}
),

scored as (
    {{ rfm_scored('measured', 'boundaries', 'grid', ['business']) }}
)

select
    known.customer_key,
    known.business,
    known.source,
    known.channel,
    known.registered_at,
    scored.first_order_at,
    {{ business_date('scored.first_order_at') }} as first_order_on,
    scored.last_order_at,
    scored.rfm_recency,
    scored.rfm_frequency,
    scored.rfm_monetary,
    scored.rfm_recency_score,
    scored.rfm_frequency_score,
    scored.rfm_monetary_score,
    scored.rfm_segment,
    coalesce(scored.currency_code, known.currency_code, currencies.currency_code) as currency_code,
    known.name_token,
    known.phone_token,
    known.province
from known
left join scored on known.customer_key = scored.customer_key
left join currencies on known.source = currencies.source and known.channel = currencies.channel
