{{ config(materialized='incremental', meta={'tells': 'orders'}) }}

{{ changed_rows(union_sources('parcels'), ['business', 'order_no']) }}
