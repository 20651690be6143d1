-- What is wrong now and wants a person, from what other marts found, in one shape: something that has resolved itself
-- is no longer there on the next run. A parcel that a carrier calls an exception is lost until it says otherwise.
with cancelled_purchases as (
    select decision_id
    from {{ ref('fct_purchase_order_lines') }}
    where decision_id is not null
    group by decision_id
    having min(case when purchase_order_status = 'cancelled' then 1 else 0 end) = 1
),

found as (
    select
        'shortage' as exception_class,
        'line:' || checks.order_key || ':' || cast(checks.line_no as varchar) as subject,
        checks.business,
        checks.reason,
        checks.order_key,
        checks.sku,
        checks.site,
        checks.demanded_at as raised_at,
        lines.line_amount * checks.waiting_quantity / nullif(checks.quantity, 0) as amount_at_risk,
        orders.currency_code
    from {{ ref('fct_order_line_checks') }} as checks
    inner join {{ ref('fct_orders') }} as orders on checks.order_key = orders.order_key
    inner join {{ ref('fct_order_lines') }} as lines
        on checks.order_key = lines.order_key and checks.line_no = lines.line_no
    where checks.decision in ('backorder', 'decline')
    union all
    select
        'shortage' as exception_class,
        'oversell:' || oversells.oversell_key as subject,
        oversells.business,
        'oversold_' || oversells.cause as reason,
        null as order_key,
        oversells.sku,
        oversells.site,
        {{ end_of_business_date('oversells.started_on') }} as raised_at,
        oversells.last_oversold_quantity * products.list_price as amount_at_risk,
        products.currency_code
    from {{ ref('fct_oversells') }} as oversells
    left join {{ ref('dim_products') }} as products
        on oversells.business = products.business and oversells.sku = products.sku
    where oversells.is_open
    union all
    select
        case when returns.reason_code = 'wrong_address' then 'address' else 'quality' end as exception_class,
        'return:' || returns.return_key as subject,
        returns.business,
        returns.reason_code as reason,
        returns.order_key,
        returns.sku,
        null as site,
        returns.requested_at as raised_at,
        greatest(coalesce(returns.refund_amount, 0), coalesce(returns.goods_amount, 0)) as amount_at_risk,
        returns.currency_code
    from {{ ref('fct_returns') }} as returns
    inner join {{ ref('return_reasons') }} as reasons on returns.reason_code = reasons.reason_code
    where
        not returns.is_completed
        and (returns.reason_code = 'wrong_address' or reasons.responsible in ('supplier', 'carrier', 'warehouse'))
    union all
    select
        'cancel' as exception_class,
        'order:' || order_key as subject,
        business,
        'refund_' || refund_status as reason,
        order_key,
        null as sku,
        null as site,
        paid_at as raised_at,
        net_paid_amount as amount_at_risk,
        currency_code
    from {{ ref('fct_orders') }}
    where
        order_status = 'cancelled' and paid_at is not null and refund_status in ('none', 'refunding')
        and net_paid_amount > 0
    union all
    select
        case when shipment_status = 'exception' then 'lost' else 'stuck' end as exception_class,
        'parcel:' || parcel_performance_key as subject,
        business,
        case when is_stuck then 'unseen' else outcome end as reason,
        order_key,
        null as sku,
        site,
        coalesce(last_seen_at, shipped_at, promised_at) as raised_at,
        net_paid_amount as amount_at_risk,
        currency_code
    from {{ ref('rpt_stuck_parcels') }}
    union all
    select
        case when stages.stage in ('payment', 'settlement') then 'payment' else 'stuck' end as exception_class,
        'stage:' || stages.order_key || ':' || stages.stage as subject,
        orders.business,
        stages.stage || '_overdue' as reason,
        stages.order_key,
        null as sku,
        null as site,
        stages.due_at as raised_at,
        case when stages.stage = 'payment' then orders.gross_amount else orders.net_paid_amount end as amount_at_risk,
        orders.currency_code
    from {{ ref('fct_order_stages') }} as stages
    inner join {{ ref('fct_orders') }} as orders on stages.order_key = orders.order_key
    where
        stages.stage in ('payment', 'allocation', 'shipping', 'settlement')
        and stages.stage_status = 'running'
        and stages.is_breached
    union all
    select
        'price' as exception_class,
        'price:' || violations.price_violation_key as subject,
        violations.business,
        violations.violation_type as reason,
        violations.order_key,
        violations.sku,
        null as site,
        {{ end_of_business_date('violations.created_on') }} as raised_at,
        abs(violations.unit_difference) * violations.quantity as amount_at_risk,
        violations.currency_code
    from {{ ref('fct_price_violations') }} as violations
    inner join {{ ref('int_business_clock') }} as clock on violations.business = clock.business
    where violations.created_on > clock.as_of_date - {{ var('price_exception_days') }}
    union all
    select
        'cancel' as exception_class,
        'purchase:' || recalls.recall_decision_id as subject,
        orders.business,
        'purchase_not_recalled' as reason,
        orders.order_key,
        recalls.sku,
        null as site,
        recalls.refused_at as raised_at,
        recalls.amount as amount_at_risk,
        coalesce(recalls.currency_code, orders.currency_code) as currency_code
    from {{ ref('int_unrecalled_purchases') }} as recalls
    inner join {{ ref('fct_orders') }} as orders on recalls.order_key = orders.order_key
    left join cancelled_purchases on recalls.purchase_decision_id = cancelled_purchases.decision_id
    where cancelled_purchases.decision_id is null
),

classed as (
    select
        found.exception_class || ':' || found.subject as exception_key,
        found.exception_class,
        found.business,
        found.reason,
        found.order_key,
        found.sku,
        found.site,
        found.raised_at,
        cast(greatest(coalesce(found.amount_at_risk, 0), 0) as decimal(18, 2)) as amount_at_risk,
        found.currency_code,
        classes.owner,
        cast(classes.sla_hours as bigint) as sla_hours,
        {{ hours_later('found.raised_at', 'classes.sla_hours') }} as due_at
    from found
    inner join {{ ref('exception_classes') }} as classes on found.exception_class = classes.exception_class
),

options as (
    select
        classed.exception_key,
        string_agg(
            options.option || '=' || cast(
                cast(options.cost_amount + options.cost_share * classed.amount_at_risk as decimal(18, 2)) as varchar
            ), ';' order by options.sort_order
        ) as option_costs
    from classed
    inner join {{ ref('exception_options') }} as options on classed.exception_class = options.exception_class
    group by classed.exception_key
)

select
    classed.*,
    classed.due_at < clock.as_of as is_breached,
    cast({{ whole_minutes_between('classed.raised_at', 'clock.as_of') }} as bigint) as open_minutes,
    options.option_costs
from classed
inner join {{ ref('int_business_clock') }} as clock on classed.business = clock.business
left join options on classed.exception_key = options.exception_key
