with sold as (
    select
        source,
        channel,
        currency_code,
        count(*) as order_count
    from {{ ref('int_orders_unioned') }}
    group by source, channel, currency_code
),

-- A channel that sells in several currencies is labelled with the one most of its orders have.
selling as (
    select
        source,
        channel,
        currency_code
    from sold
    qualify row_number() over (partition by source, channel order by order_count desc, currency_code asc) = 1
),

known as (
    select
        coalesce(channels.source, selling.source) as source,
        coalesce(channels.channel, selling.channel) as channel,
        coalesce(channels.label_en, selling.channel) as label_en,
        coalesce(channels.label_zh, selling.channel) as label_zh,
        coalesce(channels.currency_code, selling.currency_code) as currency_code,
        coalesce(channels.fulfilment, 'parcel') as fulfilment,
        selling.channel is not null as has_orders,
        channels.channel is not null as is_listed
    from {{ ref('channels') }} as channels
    full outer join selling on channels.source = selling.source and channels.channel = selling.channel
)

select
    {{ business_of('known.source', 'sources') }} as business,
    known.source,
    known.channel,
    known.label_en,
    known.label_zh,
    known.currency_code,
    known.fulfilment,
    known.has_orders,
    known.is_listed
from known
left join {{ ref('sources') }} as sources on known.source = sources.source
