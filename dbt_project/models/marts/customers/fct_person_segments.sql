with measured as (
    select * from {{ ref('rfm_person_measures') }}
),

boundaries as (
    select * from {{ ref('rfm_person_boundaries') }}
),

grid as (
    select * from {{ ref('rfm_segment_grid') }}
),

scored as (
    {{ rfm_scored('measured', 'boundaries', 'grid', ['business', 'as_of_date']) }}
)

select
    scored.business,
    scored.as_of_date,
    dates.is_current,
    scored.person_key,
    scored.rfm_segment,
    earlier.rfm_segment as previous_rfm_segment,
    scored.rfm_recency,
    scored.rfm_frequency,
    scored.rfm_monetary,
    scored.rfm_recency_score,
    scored.rfm_frequency_score,
    scored.rfm_monetary_score,
    scored.first_order_at,
    scored.last_order_at,
    scored.currency_code
from scored
inner join {{ ref('rfm_dates') }} as dates
    on scored.business = dates.business and scored.as_of_date = dates.as_of_date
left join scored as earlier
    on
        scored.business = earlier.business
        and scored.person_key = earlier.person_key
        and dates.previous_date = earlier.as_of_date
