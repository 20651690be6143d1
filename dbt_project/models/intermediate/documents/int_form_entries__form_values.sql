{{ config(enabled=source_is_enabled('form_entries')) }}

select
    'form_entries' as source,
    entry_no,
    form,
    form_version,
    entered_at,
    entered_by,
    line_no,
    field_name,
    value_type,
    coalesce(value, remark) as value,
    currency_code,
    received_at as known_at
from {{ ref('int_form_entries__push_values_classified') }}
where is_current
