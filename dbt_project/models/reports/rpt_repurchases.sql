-- A window is open until its last day is over and nothing came: open is not lost.
with first_orders as (
    select
        orders.business,
        orders.channel,
        orders.currency_code,
        cast(date_trunc('month', orders.created_on) as date) as cohort_month,
        orders.next_purchase_on - orders.created_on as days_to_next,
        clock.as_of_date - orders.created_on as days_observed
    from {{ ref('fct_person_orders') }} as orders
    inner join {{ ref('int_business_clock') }} as clock on orders.business = clock.business
    where orders.is_first_order
),

outcomes as (
    select
        first_orders.business,
        first_orders.channel as first_channel,
        first_orders.currency_code,
        first_orders.cohort_month,
        windows.window_days,
        coalesce(first_orders.days_to_next <= windows.window_days, false) as has_repurchased,
        first_orders.days_observed > windows.window_days as is_matured
    from first_orders
    cross join {{ ref('repurchase_windows') }} as windows
)

select
    business,
    first_channel,
    currency_code,
    cohort_month,
    window_days,
    count(*) as person_count,
    count(*) filter (where has_repurchased) as repurchased_count,
    count(*) filter (where not has_repurchased and not is_matured) as open_count,
    count(*) filter (where not has_repurchased and is_matured) as lapsed_count,
    count(*) filter (where is_matured) as matured_count,
    count(*) filter (where has_repurchased and is_matured) as matured_repurchased_count
from outcomes
group by business, first_channel, currency_code, cohort_month, window_days
