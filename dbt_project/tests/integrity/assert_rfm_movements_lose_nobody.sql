{{ config(meta={'dagster': {'ref': {'name': 'rpt_rfm_movements'}}}) }}

-- On every date, the people who move into a segment or stay there are the people who are in it.
with arrived as (
    select
        business,
        as_of_date,
        to_segment as segment,
        cast(sum(person_count) as bigint) as person_count
    from {{ ref('rpt_rfm_movements') }}
    where to_segment != 'none'
    group by business, as_of_date, to_segment
),

standing as (
    select
        segments.business,
        segments.as_of_date,
        segments.rfm_segment as segment,
        count(*) as person_count
    from {{ ref('fct_person_segments') }} as segments
    inner join {{ ref('rfm_dates') }} as dates
        on segments.business = dates.business and segments.as_of_date = dates.as_of_date
    where dates.previous_date is not null
    group by segments.business, segments.as_of_date, segments.rfm_segment
)

(
    select * from arrived
    except
    select * from standing
)
union all
(
    select * from standing
    except
    select * from arrived
)
