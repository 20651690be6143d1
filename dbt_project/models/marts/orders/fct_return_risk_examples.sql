-- Features use only what was known before the order: sales placed and returns settled earlier. A line counts as
-- returned when its goods came back on a request within the maturity window; before the window has passed the
-- label is unknown for every line, so that early returns do not make young orders look worse. Where returns are
-- found through the customer only (the source reports no fulfilment), lines without a customer have no label.
-- The clock is the order's own source's: what that source has not told yet is not known.
with clock as (
    select * from {{ ref('int_source_clock') }}
),

orders as (
    select
        orders.order_key,
        orders.customer_key,
        orders.created_at as ordered_at,
        orders.line_count as order_line_count,
        orders.gross_amount as order_amount,
        orders.shipped_at,
        clock.as_of,
        coalesce(channels.fulfilment, '') != 'unreported' or orders.customer_key is not null as is_traceable,
        cast({{ business_hour('orders.created_at') }} as integer) as hour_of_day,
        cast({{ business_weekday('orders.created_at') }} as integer) as day_of_week,
        {{ days_later('orders.created_at', var('return_maturity_days')) }} as label_known_at
    from {{ ref('fct_orders') }} as orders
    inner join clock on orders.source = clock.source
    left join {{ ref('dim_channels') }} as channels
        on orders.source = channels.source and orders.channel = channels.channel
    where
        orders.order_type = 'sale'
        and orders.paid_at is not null
        and (orders.shipped_at is not null or channels.fulfilment = 'unreported')
),

sale_lines as (
    select
        lines.business,
        lines.source,
        lines.order_key,
        lines.line_no,
        lines.sku,
        lines.channel,
        lines.quantity,
        lines.unit_price,
        lines.line_amount,
        orders.customer_key,
        orders.ordered_at,
        orders.order_line_count,
        orders.order_amount,
        orders.shipped_at,
        orders.as_of,
        orders.is_traceable,
        orders.hour_of_day,
        orders.day_of_week,
        orders.label_known_at
    from {{ ref('fct_order_lines') }} as lines
    inner join orders on lines.order_key = orders.order_key
    where lines.is_product and lines.quantity > 0
),

line_returns as (
    select
        refunds.order_key,
        refunds.line_no,
        min(refunds.requested_at) as requested_at,
        min(refunds.refunded_at) as returned_at
    from {{ ref('fct_refunds') }} as refunds
    inner join sale_lines
        on refunds.order_key = sale_lines.order_key and refunds.line_no = sale_lines.line_no
    where
        refunds.refund_status = 'refunded'
        and (sale_lines.shipped_at is null or refunds.requested_at >= sale_lines.shipped_at)
    group by refunds.order_key, refunds.line_no
),

events as (
    select
        business,
        customer_key,
        sku,
        ordered_at as event_at,
        1 as line_count,
        0 as returned_count
    from sale_lines
    union all
    select
        sale_lines.business,
        sale_lines.customer_key,
        sale_lines.sku,
        line_returns.returned_at as event_at,
        0 as line_count,
        1 as returned_count
    from line_returns
    inner join sale_lines
        on line_returns.order_key = sale_lines.order_key and line_returns.line_no = sale_lines.line_no
),

customer_events as (
    select
        customer_key,
        event_at,
        sum(line_count) as line_count,
        sum(returned_count) as returned_count
    from events
    where customer_key is not null
    group by customer_key, event_at
),

customer_history as (
    select
        customer_key,
        event_at,
        sum(line_count) over before as prior_lines,
        sum(returned_count) over before as prior_returned_lines,
        min(event_at) over (partition by customer_key) as first_at
    from customer_events
    window before as (
        partition by customer_key order by event_at rows between unbounded preceding and 1 preceding
    )
),

sku_events as (
    select
        business,
        sku,
        event_at,
        sum(line_count) as line_count,
        sum(returned_count) as returned_count
    from events
    group by business, sku, event_at
),

sku_history as (
    select
        business,
        sku,
        event_at,
        sum(line_count) over before as prior_lines,
        sum(returned_count) over before as prior_returned_lines
    from sku_events
    window before as (
        partition by business, sku order by event_at rows between unbounded preceding and 1 preceding
    )
)

select
    sale_lines.business,
    sale_lines.source,
    sale_lines.order_key,
    sale_lines.line_no,
    sale_lines.customer_key,
    sale_lines.sku,
    sale_lines.channel,
    sale_lines.ordered_at,
    sale_lines.quantity,
    sale_lines.unit_price,
    sale_lines.line_amount,
    sale_lines.order_line_count,
    sale_lines.order_amount,
    sale_lines.hour_of_day,
    sale_lines.day_of_week,
    cast(coalesce(customer_history.prior_lines, 0) as bigint) as customer_prior_lines,
    cast(coalesce(customer_history.prior_returned_lines, 0) as bigint) as customer_prior_returned_lines,
    cast({{ whole_days_between('customer_history.first_at', 'sale_lines.ordered_at') }} as integer)
        as customer_prior_days,
    cast(coalesce(sku_history.prior_lines, 0) as bigint) as sku_prior_lines,
    cast(coalesce(sku_history.prior_returned_lines, 0) as bigint) as sku_prior_returned_lines,
    case
        when sale_lines.is_traceable and sale_lines.as_of >= sale_lines.label_known_at
            then coalesce(line_returns.requested_at < sale_lines.label_known_at, false)
    end as is_returned,
    sale_lines.label_known_at
from sale_lines
left join line_returns
    on sale_lines.order_key = line_returns.order_key and sale_lines.line_no = line_returns.line_no
left join customer_history
    on
        sale_lines.customer_key = customer_history.customer_key
        and sale_lines.ordered_at = customer_history.event_at
left join sku_history
    on
        sale_lines.business = sku_history.business
        and sale_lines.sku = sku_history.sku
        and sale_lines.ordered_at = sku_history.event_at
