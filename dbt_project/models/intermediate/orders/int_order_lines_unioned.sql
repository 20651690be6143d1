{{ config(materialized='incremental', meta={'tells': 'orders'}) }}

with unioned as (
    {{ changed_rows(union_sources('order_lines'), ['business', 'order_no']) }}
)

select
    {{ order_key('source', 'order_no') }} as order_key,
    *
from unioned
