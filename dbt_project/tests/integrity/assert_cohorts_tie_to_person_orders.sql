{{ config(meta={'dagster': {'ref': {'name': 'fct_customer_cohorts'}}}) }}

-- Everybody with a purchase is in one cohort, and every purchase and amount of theirs in one row of it.
with cohorts as (
    select
        business,
        sum(cohort_person_count) filter (where months_since = 0) as person_count,
        sum(order_count) as order_count,
        sum(net_amount) as net_amount
    from {{ ref('fct_customer_cohorts') }}
    group by business
),

buyers as (
    select
        business,
        person_key
    from {{ ref('fct_person_orders') }}
    where is_first_order
),

orders as (
    select
        orders.business,
        count(distinct orders.person_key) as person_count,
        count(*) filter (where orders.is_purchase) as order_count,
        sum(orders.net_amount) as net_amount
    from {{ ref('fct_person_orders') }} as orders
    inner join buyers on orders.business = buyers.business and orders.person_key = buyers.person_key
    group by orders.business
)

(
    select * from cohorts
    except
    select * from orders
)
union all
(
    select * from orders
    except
    select * from cohorts
)
