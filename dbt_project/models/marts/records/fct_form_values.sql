-- What people filled in, a value a row: forms differ, and a new one is there for analysts without a change here.
select
    entry_no || ':' || line_no || ':' || field_name as form_value_key,
    business,
    source,
    entry_no,
    form,
    form_version,
    entered_at,
    {{ business_date('entered_at') }} as entered_on,
    entered_by,
    line_no,
    field_name,
    value_type,
    value,
    case
        when value_type in ('integer', 'decimal', 'money') then try_cast(value as decimal(28, 6))
    end as number,
    currency_code,
    known_at
from {{ ref('int_form_values_unioned') }}
