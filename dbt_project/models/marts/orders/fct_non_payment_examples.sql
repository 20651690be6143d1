-- An order is looked at when it is placed and at ages from `non_payment_ages_hours` for as long as it is neither paid
-- nor closed, and now. Every column tells what was known at that look. An order is unpaid when it is closed before any
-- payment, or when nothing was paid within `non_payment_maturity_hours`; the answer is known when one of them happens.
-- A source that keeps no history does not say when it closed an order: then only the hours decide.
-- Orders that are paid as they are placed (a till) leave nothing to foretell. The clock is the order's own source's.
with cancellations as (
    select
        order_key,
        min(event_at) as cancelled_at
    from {{ ref('fct_order_versions') }}
    where order_status = 'cancelled'
    group by order_key
),

orders as (
    select
        orders.business,
        orders.source,
        orders.order_key,
        orders.channel,
        orders.customer_key,
        orders.created_at as ordered_at,
        orders.paid_at,
        orders.gross_amount,
        orders.province,
        orders.line_count,
        orders.unit_count,
        clock.as_of,
        {{ hours_later('orders.created_at', var('non_payment_maturity_hours')) }} as matured_at,
        case
            when orders.paid_at is null and cancellations.cancelled_at > orders.created_at
                then cancellations.cancelled_at
        end as closed_at
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('int_source_clock') }} as clock on orders.source = clock.source
    left join cancellations on orders.order_key = cancellations.order_key
    where
        orders.order_type = 'sale'
        and orders.created_at < clock.as_of
        and orders.created_at >= {{ days_later('clock.as_of', '-' ~ var('non_payment_history_days')) }}
        and (orders.paid_at is null or orders.paid_at > orders.created_at)
),

answered as (
    select
        *,
        least(coalesce(paid_at, matured_at), coalesce(closed_at, matured_at), matured_at) as answered_at,
        not coalesce(paid_at <= matured_at and closed_at is null, false) as will_not_pay
    from orders
),

events as (
    select
        business,
        customer_key,
        ordered_at as event_at,
        1 as order_count,
        0 as unpaid_count
    from answered
    where customer_key is not null
    union all
    select
        business,
        customer_key,
        answered_at as event_at,
        0 as order_count,
        1 as unpaid_count
    from answered
    where customer_key is not null and will_not_pay and answered_at <= as_of
),

history as (
    select
        business,
        customer_key,
        event_at,
        sum(sum(order_count)) over before as prior_orders,
        sum(sum(unpaid_count)) over before as prior_unpaid_orders
    from events
    group by business, customer_key, event_at
    window before as (
        partition by business, customer_key order by event_at rows between unbounded preceding and 1 preceding
    )
),

looks as (
    {%- for age in var('non_payment_ages_hours') %}
    select
        order_key,
        {{ hours_later('ordered_at', age) }} as decided_at,
        false as is_open
    from answered
    where
        answered_at > {{ hours_later('ordered_at', age) }}
        and as_of > {{ hours_later('ordered_at', age) }}
    union all
    {%- endfor %}
    select
        order_key,
        as_of as decided_at,
        true as is_open
    from answered
    where answered_at > as_of
)

select
    answered.business,
    answered.source,
    answered.order_key,
    looks.decided_at,
    looks.is_open,
    answered.channel,
    answered.province,
    answered.gross_amount,
    answered.line_count,
    answered.unit_count,
    cast(coalesce(history.prior_orders, 0) as bigint) as customer_prior_orders,
    cast(coalesce(history.prior_unpaid_orders, 0) as bigint) as customer_prior_unpaid_orders,
    cast({{ business_hour('answered.ordered_at') }} as integer) as hour_of_day,
    cast({{ business_weekday('answered.ordered_at') }} as integer) as day_of_week,
    cast({{ whole_minutes_between('answered.ordered_at', 'looks.decided_at') }} as bigint) as waited_minutes,
    case
        {%- for age in var('non_payment_ages_hours') | sort(reverse=true) %}
        when looks.decided_at >= {{ hours_later('answered.ordered_at', age) }} then {{ age }}
        {%- endfor %}
    end as age_hours,
    case when answered.answered_at <= answered.as_of then answered.will_not_pay end as is_unpaid,
    case when answered.answered_at <= answered.as_of then answered.answered_at end as label_known_at
from looks
inner join answered on looks.order_key = answered.order_key
left join history
    on
        answered.business = history.business
        and answered.customer_key = history.customer_key
        and answered.ordered_at = history.event_at
