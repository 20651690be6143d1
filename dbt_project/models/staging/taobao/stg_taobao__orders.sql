{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail', enabled=source_is_enabled('taobao')) }}

{{ stage_records('taobao', 'orders') }}
