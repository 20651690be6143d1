-- What first sold in the first window of the data may have sold before it: it is not called new. A trend needs two
-- windows of the business's history.
{%- set window_days = var('life_cycle_window_days') %}
with clock as (
    select
        demand.business,
        clock.as_of_date,
        min(demand.business_date) as first_date
    from {{ ref('fct_daily_demand') }} as demand
    inner join {{ ref('int_business_clock') }} as clock on demand.business = clock.business
    group by demand.business, clock.as_of_date
),

sold as (
    select
        demand.business,
        demand.sku,
        clock.as_of_date,
        clock.first_date,
        min(demand.business_date) as first_sold_on,
        max(demand.business_date) as last_sold_on,
        sum(demand.quantity) as quantity,
        sum(case
            when demand.business_date > clock.as_of_date - {{ window_days }} then demand.quantity
            else 0
        end) as recent_quantity,
        sum(case
            when demand.business_date > clock.as_of_date - {{ window_days }} then 0
            when demand.business_date > clock.as_of_date - 2 * {{ window_days }} then demand.quantity
            else 0
        end) as previous_quantity
    from {{ ref('fct_daily_demand') }} as demand
    inner join clock on demand.business = clock.business
    group by demand.business, demand.sku, clock.as_of_date, clock.first_date
)

select
    business,
    sku,
    as_of_date,
    case
        when as_of_date - last_sold_on >= {{ var('life_cycle_dormant_days') }} then 'dormant'
        when
            as_of_date - first_sold_on < {{ var('life_cycle_new_days') }}
            and first_sold_on - first_date >= {{ window_days }} then 'new'
        when as_of_date - first_date < 2 * {{ window_days }} - 1 then 'unknown'
        when
            recent_quantity > 0
            and recent_quantity >= previous_quantity * cast({{ var('life_cycle_growing_from') }} as decimal(9, 4))
            then 'growing'
        when recent_quantity < previous_quantity * cast({{ var('life_cycle_declining_below') }} as decimal(9, 4))
            then 'declining'
        when recent_quantity = 0 then 'declining'
        else 'mature'
    end as life_cycle,
    first_sold_on,
    last_sold_on,
    cast(quantity as bigint) as quantity,
    cast(recent_quantity as bigint) as recent_quantity,
    cast(previous_quantity as bigint) as previous_quantity
from sold
