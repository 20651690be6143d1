{{ config(materialized='table') }}

-- Which earlier sale the units of a return line came from: the same customer's most recent sale lines of the
-- article that still have units left, to the unit. Units are a stack: a sale pushes them, a return pops them.
-- Each line then covers an interval of stack depths, and a return takes, at every depth, the last sale there.
with lines as (
    select
        orders.source,
        orders.customer_key,
        orders.order_no,
        orders.order_type,
        orders.created_at,
        lines.line_no,
        lines.sku,
        lines.quantity,
        lines.line_amount,
        lines.currency_code,
        lines.known_at
    from {{ ref('int_order_lines_unioned') }} as lines
    inner join {{ ref('int_orders_unioned') }} as orders on lines.order_key = orders.order_key
    where
        (orders.order_type = 'sale' and lines.quantity > 0)
        or (orders.order_type = 'return' and lines.quantity < 0)
),

return_lines as (
    select * from lines
    where order_type = 'return'
),

moves as (
    select
        lines.source,
        lines.customer_key,
        lines.sku,
        lines.order_no,
        lines.line_no,
        lines.order_type,
        lines.quantity,
        row_number() over (
            partition by lines.source, lines.customer_key, lines.sku
            order by lines.created_at asc, lines.order_type desc, lines.order_no asc, lines.line_no asc
        ) as move_number
    from lines
    where exists (
        select 1
        from return_lines
        where
            return_lines.source = lines.source
            and return_lines.customer_key = lines.customer_key
            and return_lines.sku = lines.sku
    )
),

balances as (
    select
        *,
        sum(quantity) over (
            partition by source, customer_key, sku order by move_number
        ) as balance
    from moves
),

depths as (
    select
        *,
        balance - least(0, min(balance) over (
            partition by source, customer_key, sku order by move_number
        )) as depth_after
    from balances
),

intervals as (
    select
        *,
        coalesce(lag(depth_after) over (
            partition by source, customer_key, sku order by move_number
        ), 0) as depth_before
    from depths
),

bounds as (
    select
        source,
        customer_key,
        sku,
        depth_after as depth
    from intervals
    union
    select
        source,
        customer_key,
        sku,
        depth_before as depth
    from intervals
),

layers as (
    select
        source,
        customer_key,
        sku,
        depth as layer_bottom,
        lead(depth) over (partition by source, customer_key, sku order by depth) as layer_top
    from bounds
),

layered as (
    select
        intervals.source,
        intervals.customer_key,
        intervals.sku,
        intervals.order_no,
        intervals.line_no,
        intervals.order_type,
        layers.layer_bottom,
        layers.layer_top - layers.layer_bottom as quantity,
        lag(intervals.order_no) over stack_layer as sale_order_no,
        lag(intervals.line_no) over stack_layer as sale_line_no
    from intervals
    inner join layers
        on
            intervals.source = layers.source
            and intervals.customer_key = layers.customer_key
            and intervals.sku = layers.sku
            and layers.layer_bottom >= least(intervals.depth_before, intervals.depth_after)
            and layers.layer_top <= greatest(intervals.depth_before, intervals.depth_after)
    window stack_layer as (
        partition by intervals.source, intervals.customer_key, intervals.sku, layers.layer_bottom
        order by intervals.move_number
    )
),

matched as (
    select
        source,
        order_no as return_order_no,
        line_no as return_line_no,
        sale_order_no,
        sale_line_no,
        sum(quantity) as quantity,
        max(layer_bottom) as layer_bottom
    from layered
    where order_type = 'return'
    group by source, order_no, line_no, sale_order_no, sale_line_no
),

matched_totals as (
    select
        source,
        return_order_no,
        return_line_no,
        sum(quantity) as quantity
    from matched
    group by source, return_order_no, return_line_no
),

parts as (
    select
        source,
        return_order_no,
        return_line_no,
        sale_order_no,
        sale_line_no,
        quantity,
        layer_bottom
    from matched
    union all
    select
        return_lines.source,
        return_lines.order_no as return_order_no,
        return_lines.line_no as return_line_no,
        null as sale_order_no,
        null as sale_line_no,
        -return_lines.quantity - coalesce(matched_totals.quantity, 0) as quantity,
        -1 as layer_bottom
    from return_lines
    left join matched_totals
        on
            return_lines.source = matched_totals.source
            and return_lines.order_no = matched_totals.return_order_no
            and return_lines.line_no = matched_totals.return_line_no
    where -return_lines.quantity > coalesce(matched_totals.quantity, 0)
),

counted as (
    select
        *,
        row_number() over return_line as part_number,
        sum(quantity) over return_line as quantity_so_far
    from parts
    window return_line as (
        partition by source, return_order_no, return_line_no order by layer_bottom desc
    )
)

-- Rounding the running share keeps the parts' amounts equal to the return line's amount, to the cent.
select
    counted.source,
    counted.return_order_no,
    cast(counted.return_line_no as bigint) as return_line_no,
    cast(counted.part_number as bigint) as part_number,
    counted.sale_order_no,
    cast(counted.sale_line_no as bigint) as sale_line_no,
    return_lines.sku,
    return_lines.customer_key,
    cast(counted.quantity as bigint) as quantity,
    cast(
        {{ running_share('-return_lines.line_amount', 'counted.quantity_so_far', '-return_lines.quantity') }}
        - {{ running_share(
            '-return_lines.line_amount',
            '(counted.quantity_so_far - counted.quantity)',
            '-return_lines.quantity'
        ) }} as decimal(18, 2)
    ) as amount,
    return_lines.currency_code,
    return_lines.created_at as returned_at,
    return_lines.known_at
from counted
inner join return_lines
    on
        counted.source = return_lines.source
        and counted.return_order_no = return_lines.order_no
        and counted.return_line_no = return_lines.line_no
