select
    journeys.business,
    journeys.funnel,
    journeys.channel,
    journeys.started_on as cohort_date,
    coalesce(journeys.product_line, '-') as product_line,
    coalesce(journeys.region, '-') as region,
    coalesce(journeys.traffic_channel, '-') as traffic_channel,
    coalesce(journeys.campaign, '-') as campaign,
    journeys.customer_type,
    coalesce(journeys.rfm_segment, '-') as rfm_segment,
    coalesce(journeys.currency_code, '-') as currency_code,
    steps.step_number,
    steps.step_name,
    steps.is_optional,
    count(*) filter (where steps.outcome = 'reached') as reached_count,
    count(*) filter (where steps.outcome = 'skipped') as skipped_count,
    count(*) filter (where steps.outcome = 'open') as open_count,
    count(*) filter (where steps.outcome = 'dropped') as dropped_count,
    cast(
        coalesce(sum(journeys.amount) filter (where steps.outcome = 'reached'), 0) as decimal(18, 2)
    ) as reached_amount,
    cast(coalesce(sum(journeys.amount) filter (where steps.outcome = 'open'), 0) as decimal(18, 2)) as open_amount,
    cast(
        coalesce(sum(journeys.amount) filter (where steps.outcome = 'dropped'), 0) as decimal(18, 2)
    ) as dropped_amount
from {{ ref('fct_funnel_journey_steps') }} as steps
inner join {{ ref('fct_funnel_journeys') }} as journeys on steps.journey_key = journeys.journey_key
group by
    journeys.business,
    journeys.funnel,
    journeys.channel,
    journeys.started_on,
    coalesce(journeys.product_line, '-'),
    coalesce(journeys.region, '-'),
    coalesce(journeys.traffic_channel, '-'),
    coalesce(journeys.campaign, '-'),
    journeys.customer_type,
    coalesce(journeys.rfm_segment, '-'),
    coalesce(journeys.currency_code, '-'),
    steps.step_number,
    steps.step_name,
    steps.is_optional
