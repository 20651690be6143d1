{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_payment_entries'}}}) }}

-- Words of payment providers that seed `payment_entry_type_map` does not have: their entries count as `other` with the
-- sign of the bill. A warning, because the sums stay whole.
select
    entries.source,
    entries.bill_kind,
    entries.source_type,
    count(*) as row_count
from {{ ref('fct_payment_entries') }} as entries
left join {{ ref('payment_entry_type_map') }} as types
    on
        entries.source = types.source
        and entries.bill_kind = types.bill_kind
        and entries.source_type = types.source_type
where types.entry_type is null
group by entries.source, entries.bill_kind, entries.source_type
