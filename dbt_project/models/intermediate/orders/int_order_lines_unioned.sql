{{ config(materialized='table') }}

with unioned as (
    {{ union_sources('order_lines') }}
)

select
    {{ order_key('source', 'order_no') }} as order_key,
    *
from unioned
