-- What a return costs beyond the money given back: the freight there and back, the work on every piece, and what its
-- value falls by. Factors are those of the reason before those of all reasons, of the business before those of all.
-- A return that was refused or is not decided yet has cost nothing.
with reported as (
    select
        refunds.refund_key as return_key,
        'refund' as return_type,
        refunds.order_key,
        refunds.line_no,
        refunds.business,
        refunds.source,
        refunds.reason,
        refunds.refund_status as return_status,
        refunds.refund_status = 'refunded' as is_completed,
        refunds.quantity,
        refunds.amount as refund_amount,
        refunds.currency_code,
        refunds.requested_at,
        refunds.refunded_at as completed_at,
        refunds.known_at
    from {{ ref('fct_refunds') }} as refunds
    union all
    select
        exchanges.exchange_key as return_key,
        'exchange' as return_type,
        exchanges.order_key,
        exchanges.line_no,
        exchanges.business,
        exchanges.source,
        exchanges.reason,
        exchanges.exchange_status as return_status,
        exchanges.returned_at is not null as is_completed,
        cast(exchanges.quantity as bigint) as quantity,
        cast(0 as decimal(18, 2)) as refund_amount,
        cast(null as varchar) as currency_code,
        exchanges.requested_at,
        exchanges.delivered_at as completed_at,
        exchanges.known_at
    from {{ ref('fct_exchanges') }} as exchanges
),

described as (
    select
        reported.return_key,
        reported.return_type,
        reported.order_key,
        reported.line_no,
        reported.business,
        reported.source,
        orders.channel,
        lines.sku,
        reported.reason,
        case
            when reported.reason is null then 'unspecified'
            else coalesce(own_reason.reason_code, any_reason.reason_code, 'other')
        end as reason_code,
        reported.return_status,
        reported.is_completed,
        reported.quantity,
        reported.refund_amount,
        case
            when reported.return_type = 'refund' then reported.refund_amount
            else cast(lines.unit_price * reported.quantity as decimal(18, 2))
        end as goods_amount,
        coalesce(reported.currency_code, lines.currency_code, orders.currency_code) as currency_code,
        reported.requested_at,
        {{ business_date('coalesce(reported.requested_at, reported.completed_at, orders.created_at)') }}
            as requested_on,
        reported.completed_at,
        reported.known_at
    from reported
    left join {{ ref('fct_orders') }} as orders on reported.order_key = orders.order_key
    left join {{ ref('fct_order_lines') }} as lines
        on reported.order_key = lines.order_key and reported.line_no = lines.line_no
    left join {{ ref('return_reason_map') }} as own_reason
        on reported.source = own_reason.source and reported.reason = own_reason.source_reason
    left join {{ ref('return_reason_map') }} as any_reason
        on reported.reason = any_reason.source_reason and any_reason.source = '*'
),

-- An article that several suppliers deliver can't be laid at the door of one.
suppliers as (
    select
        business,
        sku,
        min(supplier_key) as supplier_key
    from (
        select
            business,
            sku,
            supplier_key
        from {{ ref('dim_supplier_prices') }}
        union all
        select
            business,
            sku,
            supplier_key
        from {{ ref('fct_purchase_order_lines') }}
    ) as delivered
    where supplier_key is not null
    group by business, sku
    having count(distinct supplier_key) = 1
),

rated as (
    select
        described.return_key,
        factors.*,
        row_number() over (
            partition by described.return_key
            order by
                case when factors.business = '*' then 1 else 0 end,
                case when factors.reason_code = '*' then 1 else 0 end,
                factors.valid_from desc
        ) as place
    from described
    inner join {{ ref('return_cost_factors') }} as factors
        on
            described.currency_code = factors.currency_code
            and described.requested_on >= factors.valid_from
            and (described.business = factors.business or factors.business = '*')
            and (described.reason_code = factors.reason_code or factors.reason_code = '*')
    where described.is_completed
),

costed as (
    select
        described.*,
        suppliers.supplier_key,
        rated.valid_from as factors_valid_from,
        rated.outbound_freight_amount,
        rated.return_freight_amount,
        cast(rated.refurbishing_unit_amount * coalesce(described.quantity, 1) as decimal(18, 2)) as refurbishing_amount,
        cast(rated.markdown_rate * described.goods_amount as decimal(18, 2)) as markdown_amount
    from described
    left join rated on described.return_key = rated.return_key and rated.place = 1
    left join suppliers on described.business = suppliers.business and described.sku = suppliers.sku
)

select
    return_key,
    return_type,
    order_key,
    line_no,
    business,
    source,
    channel,
    sku,
    supplier_key,
    reason,
    reason_code,
    return_status,
    is_completed,
    quantity,
    refund_amount,
    goods_amount,
    outbound_freight_amount,
    return_freight_amount,
    refurbishing_amount,
    markdown_amount,
    cast(
        outbound_freight_amount + return_freight_amount + refurbishing_amount + coalesce(markdown_amount, 0)
        as decimal(18, 2)
    ) as loss_amount,
    factors_valid_from,
    currency_code,
    requested_at,
    requested_on,
    completed_at,
    known_at
from costed
