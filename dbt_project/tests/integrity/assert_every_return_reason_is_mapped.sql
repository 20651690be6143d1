{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_returns'}}}) }}

-- Words for a reason that `return_reason_map` doesn't know: they count as `other`.
select
    returns.source,
    returns.reason,
    count(*) as return_count
from {{ ref('fct_returns') }} as returns
left join {{ ref('return_reason_map') }} as known
    on known.source in (returns.source, '*') and returns.reason = known.source_reason
where returns.reason is not null and known.reason_code is null
group by returns.source, returns.reason
