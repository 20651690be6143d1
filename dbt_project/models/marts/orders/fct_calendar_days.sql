-- seconds_before counts the open seconds of all earlier days, so that working time between two instants is a difference
-- and a due time is a look-up.
with hours as (
    select
        calendars.calendar,
        days.date_day as business_date,
        coalesce(exceptions.opens_minute, hours.opens_minute, 0) as opens_minute,
        coalesce(exceptions.closes_minute, hours.closes_minute, 0) as closes_minute,
        exceptions.name_en,
        exceptions.name_zh
    from (select distinct calendar from {{ ref('calendar_hours') }}) as calendars
    cross join {{ ref('dim_dates') }} as days
    left join {{ ref('calendar_hours') }} as hours
        on calendars.calendar = hours.calendar and days.iso_weekday = hours.iso_weekday
    left join {{ ref('calendar_exceptions') }} as exceptions
        on calendars.calendar = exceptions.calendar and days.date_day = exceptions.business_date
)

select
    {{ calendar_day_key('calendar', 'business_date') }} as calendar_day_key,
    calendar,
    business_date,
    {{ minute_of_business_date('business_date', 'opens_minute') }} as opens_at,
    {{ minute_of_business_date('business_date', 'closes_minute') }} as closes_at,
    cast((closes_minute - opens_minute) * 60 as bigint) as open_seconds,
    cast(
        coalesce(
            sum((closes_minute - opens_minute) * 60) over (
                partition by calendar order by business_date rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bigint
    ) as seconds_before,
    name_en,
    name_zh
from hours
