select
    concat_ws(
        ':', movements.source, movements.movement_no, movements.line_no, movements.site, movements.sku
    ) as movement_key,
    movements.business,
    movements.source,
    movements.movement_no,
    movements.line_no,
    movements.site,
    movements.sku,
    coalesce(types.movement_type, 'other') as movement_type,
    movements.source_type,
    movements.quantity,
    movements.unit_cost,
    movements.currency_code,
    movements.reference,
    movements.moved_at,
    {{ business_date('movements.moved_at') }} as moved_on,
    movements.known_at
from {{ ref('int_stock_movements_unioned') }} as movements
left join {{ ref('stock_movement_type_map') }} as types
    on movements.source = types.source and lower(movements.source_type) = types.source_type
