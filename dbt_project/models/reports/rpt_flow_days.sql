-- Each index is passed_count / judged_count, asked of the semantic layer: add up over days and channels, then divide.
with stages as (
    select
        business,
        channel,
        {{ business_date('entered_at') }} as business_date,
        count(*) as judged_count,
        count(*) filter (where not is_breached) as passed_count
    from {{ ref('fct_order_stages') }}
    where due_at is not null and (stage_status = 'done' or is_breached)
    group by business, channel, {{ business_date('entered_at') }}
),

-- A record that one of two books lacks says that the book is incomplete (see reconciliation), not that the order went
-- wrong.
wrong_orders as (
    select order_key
    from {{ ref('rpt_order_disagreements') }}
    where disagreement <> 'money_differs' or detail not in ('missing', 'refund')
    union
    select returns.order_key
    from {{ ref('fct_returns') }} as returns
    inner join {{ ref('return_reasons') }} as reasons on returns.reason_code = reasons.reason_code
    where reasons.accuracy_error is not null and returns.return_status <> 'rejected'
),

shipped as (
    select
        orders.business,
        orders.channel,
        orders.created_on as business_date,
        count(*) as judged_count,
        count(*) filter (where wrong_orders.order_key is null) as passed_count
    from {{ ref('fct_orders') }} as orders
    left join wrong_orders on orders.order_key = wrong_orders.order_key
    where orders.order_type = 'sale' and orders.shipped_at is not null
    group by orders.business, orders.channel, orders.created_on
),

steps as (
    select
        business,
        channel,
        cohort_date as business_date,
        sum(expected_count) as judged_count,
        sum(least(reached_count, expected_count)) as passed_count
    from {{ ref('rpt_funnel_deviations') }}
    group by business, channel, cohort_date
)

{% for flow_index, parts in [('speed', 'stages'), ('accuracy', 'shipped'), ('stability', 'steps')] %}
select
    business,
    channel,
    business_date,
    '{{ flow_index }}' as flow_index,
    cast(judged_count as decimal(18, 6)) as judged_count,
    cast(passed_count as decimal(18, 6)) as passed_count
from {{ parts }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
