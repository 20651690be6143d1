{{ config(enabled=source_is_enabled('shopify')) }}

with refunds as (
    select * from {{ ref('int_shopify__refunds_classified') }}
    where is_current
),

elements as (
    {{ json_elements('refunds', ['account', 'order_no', 'refund_id', 'amount'], 'lines') }}
),

priced as (
    select
        account as channel,
        order_no,
        refund_id,
        amount,
        element_number,
        json_extract_string(element, '$.lineItem.id') as line_id,
        cast(json_extract_string(element, '$.quantity') as bigint) as quantity,
        coalesce(cast(json_extract_string(element, '$.subtotalSet.shopMoney.amount') as decimal(18, 2)), 0)
        + coalesce(cast(json_extract_string(element, '$.totalTaxSet.shopMoney.amount') as decimal(18, 2)), 0)
            as goods_amount
    from elements
),

summed as (
    select
        *,
        sum(goods_amount) over (partition by channel, order_no, refund_id) as goods_total,
        sum(goods_amount) over (
            partition by channel, order_no, refund_id order by element_number
        ) as goods_so_far
    from priced
)

select
    channel,
    order_no,
    refund_id,
    element_number,
    line_id,
    quantity,
    -- Less went back than the goods were worth (a fee was kept, or nothing was given): in proportion.
    case
        when goods_total <= amount then cast(goods_amount as decimal(18, 2))
        else
            {{ running_share('amount', 'cast(goods_so_far * 100 as hugeint)', 'cast(goods_total * 100 as hugeint)') }}
            - {{ running_share(
                'amount', 'cast((goods_so_far - goods_amount) * 100 as hugeint)', 'cast(goods_total * 100 as hugeint)'
            ) }}
    end as amount
from summed
