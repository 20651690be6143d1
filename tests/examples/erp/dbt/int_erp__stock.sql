{{ config(enabled=source_is_enabled('erp')) }}

-- The last count of each day on which an article was counted: the table itself keeps only the newest.
select
    'erp' as source,
    {{ business_date('changed_at') }} as business_date,
    site,
    sku,
    on_hand,
    coalesce(reserved, 0) as reserved,
    0 as outbound,
    coalesce(inbound, 0) as inbound,
    received_at as known_at
from {{ ref('int_erp__stock_classified') }}
where disposition = 'used'
qualify row_number() over (
    partition by account, site, sku, {{ business_date('changed_at') }}
    order by changed_at desc, received_at desc
) = 1
