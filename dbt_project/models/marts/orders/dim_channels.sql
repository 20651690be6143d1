with sold as (
    select distinct
        source,
        channel,
        currency_code
    from {{ ref('int_orders_unioned') }}
)

select
    coalesce(channels.source, sold.source) as source,
    coalesce(channels.channel, sold.channel) as channel,
    coalesce(channels.label_en, sold.channel) as label_en,
    coalesce(channels.label_zh, sold.channel) as label_zh,
    coalesce(channels.currency_code, sold.currency_code) as currency_code,
    coalesce(channels.fulfilment, 'unreported') as fulfilment,
    sold.channel is not null as has_orders
from {{ ref('channels') }} as channels
full outer join sold on channels.source = sold.source and channels.channel = sold.channel
