-- Order, goods, cash and what the platform says of them, where two of the four tell different stories of one order.
with told as (
    select
        milestones.order_key,
        'delivered_not_told' as disagreement,
        'goods' as flow,
        'information' as other_flow,
        '' as reference,
        milestones.order_status as detail,
        milestones.delivered_at as found_at,
        cast(null as decimal(18, 6)) as amount,
        cast(null as varchar) as currency_code
    from {{ ref('fct_order_milestones') }} as milestones
    where
        milestones.delivered_at is not null
        and milestones.order_status in ('awaiting_payment', 'paid', 'allocated', 'shipped')
    union all
    select
        milestones.order_key,
        'shipped_though_cancelled' as disagreement,
        'order' as flow,
        'goods' as other_flow,
        '' as reference,
        milestones.order_status as detail,
        milestones.shipped_at as found_at,
        milestones.gross_amount as amount,
        milestones.currency_code
    from {{ ref('fct_order_milestones') }} as milestones
    where milestones.cancelled_at < milestones.shipped_at
    union all
    select
        milestones.order_key,
        'shipped_unpaid' as disagreement,
        'goods' as flow,
        'cash' as other_flow,
        '' as reference,
        milestones.order_status as detail,
        milestones.shipped_at as found_at,
        milestones.gross_amount as amount,
        milestones.currency_code
    from {{ ref('fct_order_milestones') }} as milestones
    where milestones.order_type = 'sale' and milestones.shipped_at is not null and milestones.paid_at is null
    union all
    select
        stages.order_key,
        'out_of_order' as disagreement,
        'order' as flow,
        'information' as other_flow,
        stages.stage as reference,
        stages.stage as detail,
        stages.left_at as found_at,
        cast(null as decimal(18, 6)) as amount,
        cast(null as varchar) as currency_code
    from {{ ref('fct_order_stages') }} as stages
    where stages.is_out_of_order
    union all
    select
        changes.document_key as order_key,
        'illegal_transition' as disagreement,
        'order' as flow,
        'information' as other_flow,
        changes.status_change_key as reference,
        changes.from_status || ' → ' || changes.to_status as detail,
        changes.changed_at as found_at,
        cast(null as decimal(18, 6)) as amount,
        cast(null as varchar) as currency_code
    from {{ ref('rpt_illegal_transitions') }} as changes
    union all
    select
        items.order_key,
        'money_differs' as disagreement,
        'order' as flow,
        'cash' as other_flow,
        items.reconciliation_item_key as reference,
        items.residual_bucket as detail,
        {{ local_to_utc('cast(items.item_on as timestamp)', business_time_zone()) }} as found_at,
        items.difference_amount as amount,
        items.currency_code
    from {{ ref('fct_reconciliation_items') }} as items
    where items.residual_bucket not in ('matched', 'fee', 'timing')
)

select
    concat_ws('#', told.order_key, told.disagreement, nullif(told.reference, '')) as order_disagreement_key,
    told.order_key,
    orders.business,
    orders.channel,
    orders.created_on as ordered_on,
    told.disagreement,
    told.flow,
    told.other_flow,
    told.detail,
    told.found_at,
    cast(told.amount as decimal(18, 6)) as amount,
    told.currency_code
from told
inner join {{ ref('fct_orders') }} as orders on told.order_key = orders.order_key
