{{ config(enabled=source_is_enabled('wenjuanxing')) }}

{{ classify_records('wenjuanxing', 'responses') }}
