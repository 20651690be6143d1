with progress as (
    select
        funnel.order_key,
        funnel.funnel,
        max(funnel.step_number) filter (where funnel.outcome = 'reached') as last_step_number,
        max(funnel.outcome) filter (where funnel.outcome != 'reached') as next_outcome
    from {{ ref('fct_order_funnel') }} as funnel
    inner join {{ ref('funnel_steps') }} as steps
        on funnel.funnel = steps.funnel and funnel.step_number = steps.step_number
    where steps.step_kind = 'step'
    group by funnel.order_key, funnel.funnel
)

select
    orders.order_key,
    orders.order_no,
    orders.business,
    orders.source,
    orders.channel,
    progress.funnel,
    orders.created_on as cohort_date,
    orders.customer_key,
    orders.order_status,
    orders.refund_status,
    orders.gross_amount,
    orders.net_paid_amount,
    orders.currency_code,
    orders.created_at,
    progress.last_step_number,
    steps.step_name as last_step_name,
    coalesce(progress.next_outcome, 'complete') as next_outcome
from progress
inner join {{ ref('fct_orders') }} as orders on progress.order_key = orders.order_key
inner join {{ ref('funnel_steps') }} as steps
    on progress.funnel = steps.funnel and progress.last_step_number = steps.step_number
