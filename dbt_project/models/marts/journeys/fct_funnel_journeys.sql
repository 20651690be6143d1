with journeys as (
    select * from {{ ref('journey_beginnings') }}
),

progress as (
    select
        journey_key,
        max(case when outcome = 'reached' then step_number end) as last_step_number,
        max(case when outcome in ('open', 'dropped') then step_number end) as next_step_number,
        max(case when outcome in ('open', 'dropped') then outcome end) as next_outcome,
        max(dropped_at) as dropped_at,
        max(window_ends_at) as window_ends_at
    from {{ ref('fct_funnel_journey_steps') }}
    group by journey_key
),

orders as (
    select
        order_key,
        order_no,
        gross_amount,
        currency_code,
        province
    from {{ ref('fct_orders') }}
    where order_type = 'sale'
),

-- The article of most money stands for an order, the one that was asked about or looked at for a contact.
line_skus as (
    select
        order_key,
        sku
    from (
        select
            order_key,
            sku,
            row_number() over (partition by order_key order by line_amount desc, line_no asc) as line_rank
        from {{ ref('fct_order_lines') }}
    ) as ranked
    where line_rank = 1
),

first_orders as (
    select
        customer_key,
        min(created_at) as first_ordered_at
    from {{ ref('fct_orders') }}
    where order_type = 'sale' and customer_key is not null
    group by customer_key
),

steps as (
    select
        funnel,
        step_number,
        step_name
    from {{ ref('journey_steps') }}
    where channel = '*'
)

select
    journeys.journey_key,
    journeys.funnel,
    journeys.grain,
    journeys.business,
    journeys.channel,
    journeys.contact_channel,
    journeys.person_key,
    journeys.customer_key,
    journeys.order_key,
    orders.order_no,
    journeys.started_at,
    {{ business_date('journeys.started_at') }} as started_on,
    products.category as product_line,
    orders.province as region,
    journeys.traffic_channel,
    journeys.campaign,
    case
        when journeys.customer_key is null then 'unknown'
        when first_orders.first_ordered_at < journeys.started_at then 'returning'
        else 'new'
    end as customer_type,
    customers.rfm_segment,
    orders.gross_amount as amount,
    orders.currency_code,
    progress.last_step_number,
    last_step.step_name as last_step_name,
    next_step.step_name as next_step_name,
    coalesce(progress.next_outcome, 'complete') as next_outcome,
    progress.window_ends_at,
    progress.dropped_at
from journeys
inner join progress on journeys.journey_key = progress.journey_key
left join orders on journeys.order_key = orders.order_key
left join line_skus on journeys.order_key = line_skus.order_key
left join {{ ref('dim_products') }} as products
    on journeys.business = products.business and coalesce(line_skus.sku, journeys.sku) = products.sku
left join first_orders on journeys.customer_key = first_orders.customer_key
left join {{ ref('dim_customers') }} as customers on journeys.customer_key = customers.customer_key
left join steps as last_step
    on journeys.funnel = last_step.funnel and progress.last_step_number = last_step.step_number
left join steps as next_step
    on journeys.funnel = next_step.funnel and progress.next_step_number = next_step.step_number
