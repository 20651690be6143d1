{{ config(materialized='incremental', meta={'follows': ['orders']}) }}
{%- set expired -%}
    select
        written.business,
        written.order_no
    from {{ this }} as written
    inner join {{ ref('int_business_clock') }} as clock on written.business = clock.business
    where written.outcome = 'open' and written.window_ends_at <= clock.as_of
{%- endset %}
{{ follow('orders', also=expired) }}

with orders as (
    select * from {{ ref('fct_orders') }}
    where
        order_type = 'sale'
        {{ where_touched(written='and') }}
),

steps as (
    select * from {{ ref('funnel_steps') }}
),

-- Businesses with a funnel of their own; all others take the one of business `*`.
own_funnels as (
    select distinct business
    from steps
    where business != '*'
),

clock as (
    select * from {{ ref('int_business_clock') }}
),

attempts as (
    select
        orders.order_key,
        orders.business,
        orders.order_no,
        orders.order_status,
        orders.gross_amount as amount,
        orders.refunded_amount,
        orders.created_at,
        clock.as_of,
        steps.funnel,
        steps.step_number,
        steps.step_name,
        steps.step_kind,
        steps.window_hours,
        case steps.step_name
            when 'created' then orders.created_at
            when 'placed' then orders.created_at
            when 'paid' then orders.paid_at
            when 'shipped' then coalesce(orders.shipped_at, orders.delivered_at)
            when 'delivered' then orders.delivered_at
            when 'kept'
                then case
                    when orders.net_paid_amount > 0
                        then coalesce(orders.delivered_at, orders.paid_at, orders.created_at)
                end
        end as step_at
    from orders
    left join own_funnels on orders.business = own_funnels.business
    inner join steps on coalesce(own_funnels.business, '*') = steps.business
    left join clock on orders.business = clock.business
),

sequenced as (
    select
        *,
        bool_and(step_at is not null) over step_order as is_reached,
        lag(step_at) over step_order as previous_at
    from attempts
    where step_kind = 'step'
    window step_order as (partition by order_key, funnel order by step_number)
),

followed as (
    select
        *,
        coalesce(
            lag(is_reached) over (partition by order_key, funnel order by step_number), true
        ) as is_previous_reached
    from sequenced
),

judged as (
    select
        order_key,
        business,
        order_no,
        funnel,
        step_number,
        step_name,
        case when is_reached then step_at end as reached_at,
        case
            when step_number > 1 and window_hours > 0
                then {{ hours_later('previous_at', 'window_hours') }}
        end as window_ends_at,
        is_reached,
        order_status,
        as_of,
        amount
    from followed
    where is_previous_reached
)

select
    order_key,
    business,
    order_no,
    funnel,
    step_number,
    step_name,
    case
        when is_reached then 'reached'
        when order_status != 'cancelled' and as_of < window_ends_at then 'open'
        else 'dropped'
    end as outcome,
    reached_at,
    window_ends_at,
    amount
from judged
union all
select
    order_key,
    business,
    order_no,
    funnel,
    step_number,
    step_name,
    'reached' as outcome,
    created_at as reached_at,
    null as window_ends_at,
    amount
from attempts
where step_kind = 'outcome' and step_name = 'returned' and refunded_amount > 0
