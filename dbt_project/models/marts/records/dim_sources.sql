with received as (
    select distinct source
    from {{ ref('int_records_counted') }}
),

known as (
    select
        coalesce(listed.source, received.source) as source,
        coalesce(listed.business, received.source) as business,
        coalesce(listed.label_en, received.source) as label_en,
        coalesce(listed.label_zh, received.source) as label_zh,
        listed.source is not null as is_listed,
        received.source is not null as has_records
    from {{ ref('sources') }} as listed
    full outer join received on listed.source = received.source
)

select
    known.source,
    known.business,
    known.label_en,
    known.label_zh,
    coalesce(businesses.label_en, known.business) as business_label_en,
    coalesce(businesses.label_zh, known.business) as business_label_zh,
    known.is_listed,
    businesses.business is not null as is_business_listed,
    known.has_records
from known
left join {{ ref('businesses') }} as businesses on known.business = businesses.business
