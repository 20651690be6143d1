{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'rpt_unmapped_values'}}}) }}

-- Status words that no seed maps: their rows show as `unknown` and are never dropped. Add the word to the seed that is
-- named. A warning, because the figures stay whole.
select
    mapping as add_it_to,
    source,
    place,
    source_value,
    row_count
from {{ ref('rpt_unmapped_values') }}
where
    mapping in (
        'order_status_map',
        'refund_status_map',
        'shipment_status_map',
        'carrier_scan_codes',
        'purchase_order_status_map',
        'site_types',
        'stock_movement_type_map',
        'survey_words'
    )
