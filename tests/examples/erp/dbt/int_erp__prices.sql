{{ config(enabled=source_is_enabled('erp')) }}

-- The ERP's price list is for every channel; a price holds until the next one of its article.
select
    'erp' as source,
    '*' as channel,
    sku,
    unit_price,
    {{ currency_of('erp') }} as currency_code,
    valid_from,
    lead(valid_from) over (partition by sku order by valid_from) - 1 as valid_until,
    received_at as known_at
from {{ ref('int_erp__prices_classified') }}
where is_current
