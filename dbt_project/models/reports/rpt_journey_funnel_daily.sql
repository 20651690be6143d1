-- What a journey counts under is looked at once for a journey, not for each of its steps: these count by its number.
with journeys as {{ materialized_once() }} (
    select
        journey_key,
        amount,
        business,
        funnel,
        channel,
        started_on as cohort_date,
        coalesce(product_line, '-') as product_line,
        coalesce(region, '-') as region,
        coalesce(traffic_channel, '-') as traffic_channel,
        coalesce(campaign, '-') as campaign,
        customer_type,
        coalesce(rfm_segment, '-') as rfm_segment,
        coalesce(currency_code, '-') as currency_code
    from {{ ref('fct_funnel_journeys') }}
),

breakdowns as {{ materialized_once() }} (
    select
        *,
        row_number() over () as breakdown_number
    from (
        select distinct
            business,
            funnel,
            channel,
            cohort_date,
            product_line,
            region,
            traffic_channel,
            campaign,
            customer_type,
            rfm_segment,
            currency_code
        from journeys
    ) as found
),

numbered as (
    select
        journeys.journey_key,
        journeys.amount,
        breakdowns.breakdown_number
    from journeys
    inner join breakdowns
        on
            journeys.business = breakdowns.business
            and journeys.funnel = breakdowns.funnel
            and journeys.channel = breakdowns.channel
            and journeys.cohort_date = breakdowns.cohort_date
            and journeys.product_line = breakdowns.product_line
            and journeys.region = breakdowns.region
            and journeys.traffic_channel = breakdowns.traffic_channel
            and journeys.campaign = breakdowns.campaign
            and journeys.customer_type = breakdowns.customer_type
            and journeys.rfm_segment = breakdowns.rfm_segment
            and journeys.currency_code = breakdowns.currency_code
),

counted as (
    select
        numbered.breakdown_number,
        steps.step_number,
        steps.step_name,
        steps.is_optional,
        count(*) filter (where steps.outcome = 'reached') as reached_count,
        count(*) filter (where steps.outcome = 'skipped') as skipped_count,
        count(*) filter (where steps.outcome = 'open') as open_count,
        count(*) filter (where steps.outcome = 'dropped') as dropped_count,
        cast(
            coalesce(sum(numbered.amount) filter (where steps.outcome = 'reached'), 0) as decimal(18, 2)
        ) as reached_amount,
        cast(
            coalesce(sum(numbered.amount) filter (where steps.outcome = 'open'), 0) as decimal(18, 2)
        ) as open_amount,
        cast(
            coalesce(sum(numbered.amount) filter (where steps.outcome = 'dropped'), 0) as decimal(18, 2)
        ) as dropped_amount
    from {{ ref('fct_funnel_journey_steps') }} as steps
    inner join numbered on steps.journey_key = numbered.journey_key
    group by numbered.breakdown_number, steps.step_number, steps.step_name, steps.is_optional
)

select
    breakdowns.business,
    breakdowns.funnel,
    breakdowns.channel,
    breakdowns.cohort_date,
    breakdowns.product_line,
    breakdowns.region,
    breakdowns.traffic_channel,
    breakdowns.campaign,
    breakdowns.customer_type,
    breakdowns.rfm_segment,
    breakdowns.currency_code,
    counted.step_number,
    counted.step_name,
    counted.is_optional,
    counted.reached_count,
    counted.skipped_count,
    counted.open_count,
    counted.dropped_count,
    counted.reached_amount,
    counted.open_amount,
    counted.dropped_amount
from counted
inner join breakdowns on counted.breakdown_number = breakdowns.breakdown_number
