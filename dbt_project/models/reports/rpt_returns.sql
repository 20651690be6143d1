select
    returns.business,
    returns.channel,
    cast(date_trunc('month', returns.requested_on) as date) as requested_month,
    returns.return_type,
    returns.reason_code,
    returns.sku,
    products.category,
    returns.supplier_key,
    returns.currency_code,
    count(*) as request_count,
    count(*) filter (where returns.is_completed) as return_count,
    cast(coalesce(sum(returns.quantity) filter (where returns.is_completed), 0) as bigint) as quantity,
    cast(coalesce(sum(returns.refund_amount) filter (where returns.is_completed), 0) as decimal(18, 2))
        as refund_amount,
    cast(coalesce(sum(returns.outbound_freight_amount), 0) as decimal(18, 2)) as outbound_freight_amount,
    cast(coalesce(sum(returns.return_freight_amount), 0) as decimal(18, 2)) as return_freight_amount,
    cast(coalesce(sum(returns.refurbishing_amount), 0) as decimal(18, 2)) as refurbishing_amount,
    cast(coalesce(sum(returns.markdown_amount), 0) as decimal(18, 2)) as markdown_amount,
    cast(coalesce(sum(returns.loss_amount), 0) as decimal(18, 2)) as loss_amount,
    count(*) filter (where returns.is_completed and returns.loss_amount is null) as uncosted_count
from {{ ref('fct_returns') }} as returns
left join {{ ref('dim_products') }} as products
    on returns.business = products.business and returns.sku = products.sku
group by
    returns.business,
    returns.channel,
    date_trunc('month', returns.requested_on),
    returns.return_type,
    returns.reason_code,
    returns.sku,
    products.category,
    returns.supplier_key,
    returns.currency_code
