{{ config(meta={'dagster': {'ref': {'name': 'fct_stock_ledger'}}}) }}

-- Every row is opening + in - out = closing, opens where the row before it closed, and differs from its count by what
-- it says; every unit that the books moved is in it, and every count. A returned row names the first rule it breaks.
with rows_in_order as (
    select
        *,
        lag(closing_quantity) over (partition by business, site, sku order by business_date) as closed_before
    from {{ ref('fct_stock_ledger') }}
),

broken_rows as (
    select
        business,
        site,
        sku,
        business_date,
        case
            when
                opening_quantity + receipt_quantity + sale_quantity + customer_return_quantity
                + supplier_return_quantity + transfer_quantity + adjustment_quantity + production_quantity
                + scrap_quantity + other_quantity != closing_quantity
                then 'opening and movements are not closing'
            when opening_quantity != closed_before then 'opening is not the closing before it'
            when coalesce(closing_quantity - counted_quantity != difference_quantity, false)
                then 'difference is not closing less counted'
            when difference_bucket = 'none' and coalesce(difference_quantity, -1) != 0
                then 'a difference has no name'
        end as broken_rule
    from rows_in_order
),

totals as (
    select
        movements.business,
        movements.site,
        movements.sku,
        sum(movements.quantity) as quantity
    from {{ ref('fct_stock_movements') }} as movements
    inner join {{ ref('int_stock_books') }} as books
        on
            movements.business = books.business
            and movements.site = books.site
            and movements.source = books.source
    group by movements.business, movements.site, movements.sku
),

ledger_totals as (
    select
        business,
        site,
        sku,
        sum(closing_quantity - opening_quantity) as quantity,
        count(counted_quantity) as count_count
    from {{ ref('fct_stock_ledger') }}
    group by business, site, sku
),

counts as (
    select
        positions.business,
        positions.site,
        positions.sku,
        count(*) as count_count
    from {{ ref('fct_stock_positions') }} as positions
    inner join {{ ref('int_stock_books') }} as books
        on positions.business = books.business and positions.site = books.site
    group by positions.business, positions.site, positions.sku
)

select
    business,
    site,
    sku,
    business_date,
    broken_rule
from broken_rows
where broken_rule is not null
union all
select
    ledger_totals.business,
    ledger_totals.site,
    ledger_totals.sku,
    null as business_date,
    'movements or counts are missing' as broken_rule
from ledger_totals
left join totals
    on
        ledger_totals.business = totals.business
        and ledger_totals.site = totals.site
        and ledger_totals.sku = totals.sku
left join counts
    on
        ledger_totals.business = counts.business
        and ledger_totals.site = counts.site
        and ledger_totals.sku = counts.sku
where
    ledger_totals.quantity != coalesce(totals.quantity, 0)
    or ledger_totals.count_count != coalesce(counts.count_count, 0)
