{{ config(materialized='incremental', meta={'tells': 'orders'}) }}

-- An order number is unique within its source as far as its lines can tell: they name no channel. Should
-- two channels of a source use one number, the order seen first keeps the plain key and the lines.
with unioned as (
    {{ changed_rows(union_sources('orders'), ['business', 'order_no']) }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by source, order_no order by known_at, created_at, channel
        ) as channel_rank
    from unioned
)

select
    case
        when channel_rank = 1 then {{ order_key('source', 'order_no') }}
        else {{ order_key('source', 'order_no') }} || '@' || channel
    end as order_key,
    case
        when source = 'online_retail' then {{ customer_key('source', "'-'", 'buyer_id') }}
        when source = 'order_entry' then buyer_id
        else {{ customer_key('source', 'channel', 'buyer_id') }}
    end as customer_key,
    {{ business_date('created_at') }} as created_on,
    * exclude (channel_rank)
from ranked
