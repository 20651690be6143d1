{{ config(enabled=source_is_enabled('sandbox')) }}

{{ stage_records('sandbox', 'stock_movements') }}
