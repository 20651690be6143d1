{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'bill_of_materials'}}}) }}

-- Products that are, by their bills of material, part of themselves: nobody can explode such a bill. A warning, because
-- only the source can mend it. Validity is left aside.
with recursive parts as (
    select
        business,
        sku,
        component_sku
    from {{ ref('bill_of_materials') }}
    union
    select
        parts.business,
        parts.sku,
        bill.component_sku
    from parts
    inner join {{ ref('bill_of_materials') }} as bill
        on parts.business = bill.business and parts.component_sku = bill.sku
)

select
    business,
    sku
from parts
where sku = component_sku
