-- What would have been reached at the usual conversion of the same weekday, so that the shortfall of any channels and
-- days is a sum. Open orders are in neither number.
with decided as (
    select
        business,
        channel,
        currency_code,
        funnel,
        cohort_date,
        step_number,
        step_name,
        reached_count,
        reached_count + dropped_count as decided_count,
        reached_amount + dropped_amount as decided_amount
    from {{ ref('rpt_funnel_daily') }}
    where step_kind = 'step' and step_number > 1 and reached_count + dropped_count > 0
),

weeks as (
    {{ whole_numbers_below(var('expectation_weeks') | int + 1, 'weeks_before') }}
),

usual as (
    select
        decided.business,
        decided.channel,
        decided.currency_code,
        decided.funnel,
        decided.cohort_date,
        decided.step_number,
        count(*) as week_count,
        cast(
            percentile_cont(0.5) within group (order by earlier.reached_count / earlier.decided_count)
            as decimal(18, 12)
        ) as median_conversion
    from decided
    inner join weeks on weeks.weeks_before > 0
    inner join decided as earlier
        on
            decided.business = earlier.business
            and decided.channel = earlier.channel
            and decided.currency_code = earlier.currency_code
            and decided.funnel = earlier.funnel
            and decided.step_number = earlier.step_number
            and decided.cohort_date - cast(7 * weeks.weeks_before as integer) = earlier.cohort_date
    group by
        decided.business,
        decided.channel,
        decided.currency_code,
        decided.funnel,
        decided.cohort_date,
        decided.step_number
    having count(*) >= 2
),

compared as (
    select
        decided.*,
        usual.week_count,
        cast(decided.decided_count * usual.median_conversion as decimal(18, 6)) as expected_count
    from decided
    inner join usual
        on
            decided.business = usual.business
            and decided.channel = usual.channel
            and decided.currency_code = usual.currency_code
            and decided.funnel = usual.funnel
            and decided.cohort_date = usual.cohort_date
            and decided.step_number = usual.step_number
)

select
    business,
    channel,
    funnel,
    cohort_date,
    step_number,
    step_name,
    decided_count,
    reached_count,
    expected_count,
    cast(reached_count - expected_count as decimal(18, 6)) as gap_count,
    cast(
        sign(reached_count - expected_count) * {{ running_share(
            'decided_amount',
            'cast(abs(reached_count - expected_count) * 1000000 as bigint)',
            'decided_count * 1000000'
        ) }} as decimal(18, 2)
    ) as gap_amount,
    currency_code,
    week_count
from compared
