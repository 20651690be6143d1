-- A customer's score is one more than the number of boundaries below the value, so equal values always get the
-- same score, and a boundary that repeats (most customers order once) leaves a score empty.
with measured as (
    select * from {{ ref('rfm_measures') }}
),

boundary_numbers as (
    {{ whole_numbers_below(var('rfm_bins'), 'boundary_number') }}
),

-- Days and counts compare over all currencies of a business, amounts within one.
metric_values as (
    select
        business,
        '*' as currency_code,
        'recency' as metric,
        cast(rfm_recency as decimal(18, 2)) as metric_value
    from measured
    union all
    select
        business,
        '*' as currency_code,
        'frequency' as metric,
        cast(rfm_frequency as decimal(18, 2)) as metric_value
    from measured
    union all
    select
        business,
        currency_code,
        'monetary' as metric,
        rfm_monetary as metric_value
    from measured
),

ranked as (
    select
        business,
        currency_code,
        metric,
        metric_value,
        row_number() over (partition by business, currency_code, metric order by metric_value) as value_rank,
        count(*) over (partition by business, currency_code, metric) as value_count
    from metric_values
)

-- The boundary k of n bins is the smallest value that at least k/n of the customers do not exceed.
select
    ranked.business,
    ranked.currency_code,
    ranked.metric,
    cast(boundary_numbers.boundary_number as integer) as boundary_number,
    min(ranked.metric_value) as boundary_value,
    cast(max(ranked.value_count) as bigint) as customer_count
from ranked
inner join boundary_numbers
    on ranked.value_rank * {{ var('rfm_bins') }} >= ranked.value_count * boundary_numbers.boundary_number
group by ranked.business, ranked.currency_code, ranked.metric, boundary_numbers.boundary_number
