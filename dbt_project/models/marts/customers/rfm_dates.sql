-- The last periods' ends and the business's clock. A period without orders has its end too.
with businesses as (
    select
        clock.business,
        clock.as_of_date as clock_date,
        min(orders.created_on) as first_date
    from {{ ref('int_business_clock') }} as clock
    inner join {{ ref('fct_person_orders') }} as orders on clock.business = orders.business
    where orders.is_purchase
    group by clock.business, clock.as_of_date
),

days as (
    {{ dates_between('businesses', ['business', 'clock_date'], 'first_date', 'clock_date') }}
),

marked as (
    select
        business,
        business_date as as_of_date,
        business_date = clock_date as is_current,
        date_trunc('{{ var("rfm_period") }}', business_date)
        != date_trunc('{{ var("rfm_period") }}', business_date + 1) as is_period_end
    from days
),

ends as (
    select
        *,
        row_number() over (partition by business order by as_of_date desc) as place
    from marked
    where is_current or is_period_end
)

select
    business,
    as_of_date,
    lag(as_of_date) over (partition by business order by as_of_date) as previous_date,
    is_current,
    is_period_end
from ends
where place <= {{ var('rfm_periods') }} + 1
