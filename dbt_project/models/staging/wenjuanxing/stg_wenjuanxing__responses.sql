{{ config(enabled=source_is_enabled('wenjuanxing')) }}

{{ stage_records('wenjuanxing', 'responses') }}
