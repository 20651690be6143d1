{{ config(enabled=source_is_enabled('surveys')) }}

select
    'surveys' as source,
    survey,
    response_no,
    question,
    respondent_kind,
    respondent as respondent_token,
    answered_at,
    answer,
    scale_max,
    comment,
    order_no,
    received_at as known_at
from {{ ref('int_surveys__answers_classified') }}
where is_current and answer is not null
