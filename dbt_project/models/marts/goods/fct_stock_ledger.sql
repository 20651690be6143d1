{%- set types = [
    'receipt', 'sale', 'customer_return', 'supplier_return', 'transfer', 'adjustment', 'production', 'scrap', 'other'
] -%}
-- The books open with the first count of an article at its site, or with nothing where nobody ever counted it. From
-- there on movements alone move them: a count never corrects them, it shows by how much they are off.
with moved as (
    select
        movements.business,
        movements.site,
        movements.sku,
        movements.moved_on as business_date,
        {%- for type in types %}
        coalesce(sum(movements.quantity) filter (where movements.movement_type = '{{ type }}'), 0)
            as {{ type }}_quantity,
        {%- endfor %}
        sum(movements.quantity) as net_quantity,
        count(*) as movement_count
    from {{ ref('fct_stock_movements') }} as movements
    inner join {{ ref('int_stock_books') }} as books
        on
            movements.business = books.business
            and movements.site = books.site
            and movements.source = books.source
    group by movements.business, movements.site, movements.sku, movements.moved_on
),

counted as (
    select
        positions.business,
        positions.site,
        positions.sku,
        positions.business_date,
        positions.on_hand
    from {{ ref('fct_stock_positions') }} as positions
    inner join {{ ref('int_stock_books') }} as books
        on positions.business = books.business and positions.site = books.site
),

days as (
    select
        coalesce(moved.business, counted.business) as business,
        coalesce(moved.site, counted.site) as site,
        coalesce(moved.sku, counted.sku) as sku,
        coalesce(moved.business_date, counted.business_date) as business_date,
        {%- for type in types %}
        coalesce(moved.{{ type }}_quantity, 0) as {{ type }}_quantity,
        {%- endfor %}
        coalesce(moved.net_quantity, 0) as net_quantity,
        coalesce(moved.movement_count, 0) as movement_count,
        counted.on_hand as counted_quantity
    from moved
    full outer join counted
        on
            moved.business = counted.business
            and moved.site = counted.site
            and moved.sku = counted.sku
            and moved.business_date = counted.business_date
),

summed as (
    select
        *,
        sum(net_quantity) over (
            partition by business, site, sku order by business_date
            rows between unbounded preceding and current row
        ) as moved_so_far,
        min(case when counted_quantity is not null then business_date end) over (
            partition by business, site, sku
        ) as first_counted_on,
        max(case when counted_quantity is not null then business_date end) over (
            partition by business, site, sku
        ) as last_counted_on
    from days
),

anchored as (
    select
        *,
        coalesce(
            max(case when business_date = first_counted_on then counted_quantity - moved_so_far end) over (
                partition by business, site, sku
            ),
            0
        ) as first_opening_quantity
    from summed
),

booked as (
    select
        *,
        first_opening_quantity + moved_so_far - net_quantity as opening_quantity,
        first_opening_quantity + moved_so_far as closing_quantity,
        first_opening_quantity + moved_so_far - counted_quantity as difference_quantity
    from anchored
),

compared as (
    select
        *,
        max(case when business_date = last_counted_on then difference_quantity end) over (
            partition by business, site, sku
        ) as last_difference_quantity
    from booked
),

-- What a count newly shows: against the count before it, whatever lies between them.
counts as (
    select
        business,
        site,
        sku,
        business_date,
        difference_quantity - coalesce(
            lag(difference_quantity) over (partition by business, site, sku order by business_date), 0
        ) as new_difference_quantity
    from booked
    where difference_quantity is not null
)

select
    compared.business,
    compared.site,
    compared.sku,
    compared.business_date,
    cast(compared.opening_quantity as decimal(18, 6)) as opening_quantity,
    {%- for type in types %}
    cast(compared.{{ type }}_quantity as decimal(18, 6)) as {{ type }}_quantity,
    {%- endfor %}
    cast(compared.closing_quantity as decimal(18, 6)) as closing_quantity,
    compared.movement_count,
    cast(compared.counted_quantity as decimal(18, 6)) as counted_quantity,
    cast(compared.difference_quantity as decimal(18, 6)) as difference_quantity,
    cast(counts.new_difference_quantity as decimal(18, 6)) as new_difference_quantity,
    case
        when compared.counted_quantity is null then 'not_counted'
        when compared.difference_quantity = 0 then 'none'
        when compared.last_difference_quantity = 0 then 'timing'
        when compared.difference_quantity > 0 then 'shrinkage'
        else 'surplus'
    end as difference_bucket,
    coalesce(compared.business_date = compared.last_counted_on, false) as is_last_count
from compared
left join counts
    on
        compared.business = counts.business
        and compared.site = counts.site
        and compared.sku = counts.sku
        and compared.business_date = counts.business_date
