-- Whoever appears came from `none`; whoever's purchases have all left variable rfm_window_days goes there.
with dates as (
    select * from {{ ref('rfm_dates') }}
    where previous_date is not null
),

segments as (
    select * from {{ ref('fct_person_segments') }}
),

movements as (
    select
        segments.business,
        segments.as_of_date,
        coalesce(segments.previous_rfm_segment, 'none') as from_segment,
        segments.rfm_segment as to_segment
    from segments
    inner join dates on segments.business = dates.business and segments.as_of_date = dates.as_of_date
    union all
    select
        dates.business,
        dates.as_of_date,
        earlier.rfm_segment as from_segment,
        'none' as to_segment
    from dates
    inner join segments as earlier
        on dates.business = earlier.business and dates.previous_date = earlier.as_of_date
    left join segments as later
        on
            dates.business = later.business
            and dates.as_of_date = later.as_of_date
            and earlier.person_key = later.person_key
    where later.person_key is null
)

select
    movements.business,
    movements.as_of_date,
    dates.previous_date,
    dates.is_current,
    movements.from_segment,
    movements.to_segment,
    count(*) as person_count
from movements
inner join dates on movements.business = dates.business and movements.as_of_date = dates.as_of_date
group by
    movements.business,
    movements.as_of_date,
    dates.previous_date,
    dates.is_current,
    movements.from_segment,
    movements.to_segment
