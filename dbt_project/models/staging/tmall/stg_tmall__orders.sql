{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{{ stage_records('tmall', 'orders') }}
