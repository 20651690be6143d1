{{ config(enabled=source_is_enabled('magento')) }}

{{ stage_records('magento', 'orders') }}
