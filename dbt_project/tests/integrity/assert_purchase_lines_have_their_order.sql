{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_purchase_order_lines'}}}) }}

-- Lines of purchase orders whose order has not arrived (or is in quarantine), and lines of a supplier whom no source
-- describes: they join as soon as it comes. A warning, because the files may come in any order.
select
    lines.purchase_order_line_key,
    case when lines.supplier_key is null then 'purchase order' else 'supplier' end as missing
from {{ ref('fct_purchase_order_lines') }} as lines
left join {{ ref('dim_suppliers') }} as suppliers on lines.supplier_key = suppliers.supplier_key
where suppliers.supplier_key is null
