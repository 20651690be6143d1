{{ config(materialized='incremental', meta={'tells': 'orders'}) }}

{{ changed_rows(union_sources('refunds'), ['business', 'order_no']) }}
