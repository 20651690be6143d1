{{ config(meta={'dagster': {'ref': {'name': 'rpt_dso_customers'}}}) }}

-- Customers must move the days sales outstanding by as much as its components do: two ways to the same change. A row
-- returned is a month in which they differ by more than what rounding each customer to a millionth of a day explains.
with customers as (
    select
        business,
        currency_code,
        month_end,
        sum(changed_days) as changed_days
    from {{ ref('rpt_dso_customers') }}
    group by business, currency_code, month_end
),

components as (
    select
        business,
        currency_code,
        month_end,
        sum(changed_days) as changed_days
    from {{ ref('rpt_dso_changes') }}
    group by business, currency_code, month_end
)

select
    components.business,
    components.currency_code,
    components.month_end,
    components.changed_days,
    customers.changed_days as changed_days_of_customers
from components
left join customers
    on
        components.business = customers.business
        and components.currency_code = customers.currency_code
        and components.month_end = customers.month_end
where abs(components.changed_days - coalesce(customers.changed_days, 0)) > 0.01
