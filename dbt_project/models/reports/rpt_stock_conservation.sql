-- The goods' part of `rpt_conservation_flows`: pairs of figures that must be equal, and the name of what is between
-- them. Only the newest count of an article at a site is compared: differences stay until they are booked.
with flows as (
    select
        business,
        'stock_books_to_counts' as flow,
        closing_quantity as left_quantity,
        counted_quantity as right_quantity,
        difference_bucket as bucket
    from {{ ref('fct_stock_ledger') }}
    where is_last_count
    union all
    select
        ledger.business,
        'stock_movements_to_books' as flow,
        cast(ledger.closing_quantity - ledger.opening_quantity as decimal(18, 6)) as left_quantity,
        cast(
            ledger.receipt_quantity + ledger.sale_quantity + ledger.customer_return_quantity
            + ledger.supplier_return_quantity + ledger.transfer_quantity + ledger.adjustment_quantity
            + ledger.production_quantity + ledger.scrap_quantity + ledger.other_quantity as decimal(18, 6)
        ) as right_quantity,
        'none' as bucket
    from {{ ref('fct_stock_ledger') }} as ledger
    union all
    select
        movements.business,
        'stock_systems_to_books' as flow,
        movements.quantity as left_quantity,
        case when books.source is null then 0 else movements.quantity end as right_quantity,
        case when books.source is null then 'other_system' else 'none' end as bucket
    from {{ ref('fct_stock_movements') }} as movements
    left join {{ ref('int_stock_books') }} as books
        on
            movements.business = books.business
            and movements.site = books.site
            and movements.source = books.source
    union all
    select
        business,
        'transfers_between_sites' as flow,
        case when transfer_quantity < 0 then -transfer_quantity else 0 end as left_quantity,
        case when transfer_quantity > 0 then transfer_quantity else 0 end as right_quantity,
        'in_transit' as bucket
    from {{ ref('fct_stock_ledger') }}
)

select
    business,
    flow,
    'unit' as unit,
    cast(sum(left_quantity) as decimal(18, 6)) as left_quantity,
    cast(sum(right_quantity) as decimal(18, 6)) as right_quantity,
    cast(sum(left_quantity) - sum(right_quantity) as decimal(18, 6)) as difference,
    bucket,
    cast(0 as decimal(18, 6)) as tolerance,
    'team:supply-chain' as owner
from flows
group by business, flow, bucket
