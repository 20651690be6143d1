{{ config(enabled=source_is_enabled('magento')) }}

{{ classify_records('magento', 'order_lines') }}
