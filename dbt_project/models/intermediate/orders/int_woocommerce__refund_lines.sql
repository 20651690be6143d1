{{ config(enabled=source_is_enabled('woocommerce')) }}

with refunds as (
    select * from {{ ref('int_woocommerce__refunds_classified') }}
    where is_current
),

elements as (
    {{ json_elements('refunds', ['account', 'order_id', 'refund_id', 'amount'], 'lines') }}
),

-- The lines of a refund are negative, and name the order's line only among their meta data.
priced as (
    select
        account,
        order_id,
        refund_id,
        amount,
        element_number,
        list_filter(
            json_extract(element, '$.meta_data[*]'),
            meta -> json_extract_string(meta, '$.key') = '_refunded_item_id'
        )[1] ->> '$.value' as line_id,
        abs(cast(json_extract_string(element, '$.quantity') as bigint)) as quantity,
        abs(
            cast(json_extract_string(element, '$.total') as decimal(18, 2))
            + coalesce(cast(json_extract_string(element, '$.total_tax') as decimal(18, 2)), 0)
        ) as goods_amount
    from elements
),

summed as (
    select
        *,
        sum(goods_amount) over (partition by account, refund_id) as goods_total,
        sum(goods_amount) over (partition by account, refund_id order by element_number) as goods_so_far
    from priced
)

select
    account as channel,
    order_id,
    refund_id,
    element_number,
    line_id,
    quantity,
    case
        when goods_total <= amount then cast(goods_amount as decimal(18, 2))
        else
            {{ running_share('amount', 'cast(goods_so_far * 100 as hugeint)', 'cast(goods_total * 100 as hugeint)') }}
            - {{ running_share(
                'amount', 'cast((goods_so_far - goods_amount) * 100 as hugeint)', 'cast(goods_total * 100 as hugeint)'
            ) }}
    end as amount
from summed
