{{ config(enabled=source_is_enabled('magento')) }}

{{ classify_records('magento', 'orders') }}
