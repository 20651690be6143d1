{{ config(meta={'dagster': {'ref': {'name': 'rpt_rfm_segments'}}}) }}

-- Every customer with a purchase is in exactly one segment, and no amount is lost between the two tables.
with segments as (
    select
        business,
        sum(customer_count) as customer_count,
        sum(monetary_amount) as monetary_amount
    from {{ ref('rpt_rfm_segments') }}
    group by business
),

customers as (
    select
        business,
        count(*) as customer_count,
        sum(rfm_monetary) as monetary_amount
    from {{ ref('dim_customers') }}
    where rfm_frequency is not null
    group by business
)

(
    select * from segments
    except
    select * from customers
)
union all
(
    select * from customers
    except
    select * from segments
)
