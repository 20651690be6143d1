{{ config(enabled=source_is_enabled('wenjuanxing')) }}
{%- set scales = {'satisfaction': 5, 'delivery': 5, 'recommendation': 10} -%}
-- Wenjuanxing names a file `<number>_按文本_<questionnaire>_<from>_<to>.xlsx`; of another name all of it is the survey's.
-- A comment belongs to the response: it stands beside its first question only.
with responses as (
    select
        *,
        parse_filename(file_name, true) as export_name
    from {{ ref('int_wenjuanxing__responses_classified') }}
    where is_current
)

{% for question, scale_max in scales.items() -%}
select
    'wenjuanxing' as source,
    coalesce(nullif(regexp_extract(export_name, '^[0-9]+_按[^_]+_(.+)_[0-9]+_[0-9]+$', 1), ''), export_name) as survey,
    response_no || '-' || cast(epoch_us(answered_at) // 1000000 as varchar) as response_no,
    '{{ question }}' as question,
    respondent_kind,
    respondent as respondent_token,
    answered_at,
    {{ question }} as answer,
    {{ scale_max }} as scale_max,
    {{ "comment" if loop.first else "cast(null as varchar) as comment" }},
    order_no,
    received_at as known_at
from responses
where {{ question }} is not null
{{ "union all" if not loop.last }}
{% endfor %}
