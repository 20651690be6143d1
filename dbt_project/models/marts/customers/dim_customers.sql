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

ordering as (
    select
        customer_key,
        business,
        source,
        min(channel) as channel,
        max(province) as province,
        min(currency_code) as currency_code
    from {{ ref('fct_orders') }}
    where customer_key is not null
    group by customer_key, business, source
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

boundaries as (
    select * from {{ ref('rfm_boundaries') }}
),

crossed as (
    select
        measured.customer_key,
        count(*) filter (
            where boundaries.metric = 'recency' and measured.rfm_recency > boundaries.boundary_value
        ) as recency_crossed,
        count(*) filter (
            where boundaries.metric = 'frequency' and measured.rfm_frequency > boundaries.boundary_value
        ) as frequency_crossed,
        count(*) filter (
            where boundaries.metric = 'monetary' and measured.rfm_monetary > boundaries.boundary_value
        ) as monetary_crossed
    from {{ ref('rfm_measures') }} as measured
    inner join boundaries
        on
            measured.business = boundaries.business
            and boundaries.currency_code in ('*', measured.currency_code)
    group by measured.customer_key
),

scored as (
    select
        measured.*,
        cast({{ var('rfm_bins') }} - crossed.recency_crossed as integer) as recency_score,
        cast(1 + crossed.frequency_crossed as integer) as frequency_score,
        cast(1 + crossed.monetary_crossed as integer) as monetary_score
    from {{ ref('rfm_measures') }} as measured
    inner join crossed on measured.customer_key = crossed.customer_key
)

select
    known.customer_key,
    known.business,
    known.source,
    known.channel,
    known.registered_at,
    scored.first_order_at,
    scored.last_order_at,
    scored.rfm_recency,
    scored.rfm_frequency,
    scored.rfm_monetary,
    scored.recency_score as rfm_recency_score,
    scored.frequency_score as rfm_frequency_score,
    scored.monetary_score as rfm_monetary_score,
    grid.segment as rfm_segment,
    coalesce(scored.currency_code, known.currency_code, currencies.currency_code) as currency_code,
    known.name_token,
    known.phone_token,
    known.province
from known
left join scored on known.customer_key = scored.customer_key
left join {{ ref('rfm_segment_grid') }} as grid
    on
        (scored.recency_score * 5 + {{ var('rfm_bins') }} - 1) // {{ var('rfm_bins') }} = grid.recency_score
        and (scored.frequency_score * 5 + {{ var('rfm_bins') }} - 1) // {{ var('rfm_bins') }}
        = grid.frequency_score
left join currencies on known.source = currencies.source and known.channel = currencies.channel
