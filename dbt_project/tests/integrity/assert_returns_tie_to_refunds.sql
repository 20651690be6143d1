{{ config(meta={'dagster': {'ref': {'name': 'rpt_returns'}}}) }}

-- All money given back is in the report by cause, and no more.
with reported as (
    select
        business,
        currency_code,
        sum(refund_amount) as amount,
        sum(return_count) as return_count
    from {{ ref('rpt_returns') }}
    where return_type = 'refund'
    group by business, currency_code
    having sum(return_count) > 0
),

refunded as (
    select
        business,
        currency_code,
        sum(amount) as amount,
        count(*) as return_count
    from {{ ref('fct_refunds') }}
    where refund_status = 'refunded'
    group by business, currency_code
)

(
    select * from reported
    except
    select * from refunded
)
union all
(
    select * from refunded
    except
    select * from reported
)
