{{ config(enabled=source_is_enabled('jd')) }}

select distinct
    account,
    split_from as order_no
from {{ ref('int_jd__orders_classified') }}
where is_current and split_from is not null and split_from != order_no
