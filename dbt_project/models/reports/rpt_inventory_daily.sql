-- Average stock is the mean of the days' closing values: `stock_value` summed over days, by the number of days.
with stock as (
    select
        positions.business,
        positions.site,
        coalesce(products.category, 'unknown') as category,
        positions.business_date,
        coalesce(products.currency_code, 'XXX') as currency_code,
        count(*) as sku_count,
        sum(positions.on_hand) as on_hand_quantity,
        sum(positions.reserved) as reserved_quantity,
        sum(positions.inbound) as inbound_quantity,
        sum(positions.on_hand * products.unit_cost) as stock_value,
        sum(case when positions.available_to_sell <= 0 then 1 else 0 end) as stock_out_sku_count,
        sum(case when positions.available_to_sell < 0 then 1 else 0 end) as oversold_sku_count
    from {{ ref('fct_stock_positions') }} as positions
    left join {{ ref('dim_products') }} as products
        on positions.business = products.business and positions.sku = products.sku
    group by
        positions.business, positions.site, coalesce(products.category, 'unknown'), positions.business_date,
        coalesce(products.currency_code, 'XXX')
),

sold as (
    select
        ledger.business,
        ledger.site,
        coalesce(products.category, 'unknown') as category,
        ledger.business_date,
        coalesce(products.currency_code, 'XXX') as currency_code,
        sum(-ledger.sale_quantity - ledger.customer_return_quantity) as sold_quantity,
        sum((-ledger.sale_quantity - ledger.customer_return_quantity) * products.unit_cost) as cost_of_goods_sold
    from {{ ref('fct_stock_ledger') }} as ledger
    left join {{ ref('dim_products') }} as products
        on ledger.business = products.business and ledger.sku = products.sku
    where ledger.sale_quantity != 0 or ledger.customer_return_quantity != 0
    group by
        ledger.business, ledger.site, coalesce(products.category, 'unknown'), ledger.business_date,
        coalesce(products.currency_code, 'XXX')
),

demanded as (
    select
        demand.business,
        demand.site,
        coalesce(products.category, 'unknown') as category,
        demand.business_date,
        coalesce(products.currency_code, 'XXX') as currency_code,
        sum(demand.demanded_line_count) as demanded_line_count,
        sum(case when demand.is_out_of_stock then demand.demanded_line_count else 0 end) as short_line_count,
        sum(demand.demanded_quantity) as demanded_quantity
    from {{ ref('fct_stock_outs') }} as demand
    left join {{ ref('dim_products') }} as products
        on demand.business = products.business and demand.sku = products.sku
    group by
        demand.business, demand.site, coalesce(products.category, 'unknown'), demand.business_date,
        coalesce(products.currency_code, 'XXX')
)

select
    stock.business,
    stock.site,
    stock.category,
    stock.business_date,
    stock.currency_code,
    stock.sku_count,
    cast(stock.on_hand_quantity as bigint) as on_hand_quantity,
    cast(stock.reserved_quantity as bigint) as reserved_quantity,
    cast(stock.inbound_quantity as bigint) as inbound_quantity,
    cast(coalesce(stock.stock_value, 0) as decimal(18, 2)) as stock_value,
    cast(coalesce(sold.sold_quantity, 0) as decimal(18, 6)) as sold_quantity,
    cast(coalesce(sold.cost_of_goods_sold, 0) as decimal(18, 2)) as cost_of_goods_sold,
    cast(stock.stock_out_sku_count as bigint) as stock_out_sku_count,
    cast(stock.oversold_sku_count as bigint) as oversold_sku_count,
    cast(coalesce(demanded.demanded_line_count, 0) as bigint) as demanded_line_count,
    cast(coalesce(demanded.short_line_count, 0) as bigint) as short_line_count,
    cast(coalesce(demanded.demanded_quantity, 0) as bigint) as demanded_quantity
from stock
left join sold
    on
        stock.business = sold.business
        and stock.site = sold.site
        and stock.category = sold.category
        and stock.business_date = sold.business_date
        and stock.currency_code = sold.currency_code
left join demanded
    on
        stock.business = demanded.business
        and stock.site = demanded.site
        and stock.category = demanded.category
        and stock.business_date = demanded.business_date
        and stock.currency_code = demanded.currency_code
