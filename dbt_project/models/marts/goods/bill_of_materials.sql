-- Where several sources of a business say what a product is made of, the one that was received last holds.
select
    concat_ws(':', business, sku, component_sku, valid_from) as bill_of_materials_key,
    business,
    source,
    sku,
    component_sku,
    quantity,
    scrap_rate,
    valid_from,
    valid_until,
    known_at
from {{ ref('int_bill_of_materials_unioned') }}
qualify row_number() over (
    partition by business, sku, component_sku, valid_from order by known_at desc, source asc
) = 1
