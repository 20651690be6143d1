{{ config(enabled=source_is_enabled('master_data')) }}

{{ stage_records('master_data', 'stock_movements') }}
