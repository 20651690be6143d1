with calendar as (
    select
        cast('{{ var("calendar_first_date") }}' as date) as first_date,
        cast('{{ var("calendar_last_date") }}' as date) as last_date
),

days as (
    {{ dates_between('calendar', ['first_date'], 'first_date', 'last_date') }}
)

select
    business_date as date_day,
    cast(extract('year' from business_date) as integer) as calendar_year,
    cast(extract('quarter' from business_date) as integer) as calendar_quarter,
    cast(extract('month' from business_date) as integer) as calendar_month,
    {{ iso_week('business_date') }} as iso_week,
    {{ iso_weekday('business_date') }} as iso_weekday
from days
