{{ config(materialized='incremental', meta={'tells': 'orders'}) }}

{{ changed_rows(union_sources('payments'), ['business', 'order_no']) }}
