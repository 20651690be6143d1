{{ config(enabled=source_is_enabled('master_data')) }}

{{ classify_records('master_data', 'supplier_prices') }}
