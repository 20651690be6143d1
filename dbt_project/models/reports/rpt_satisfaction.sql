-- Counts only: shares, net promoter scores and their intervals are made of them where they are asked.
select
    business,
    channel,
    {{ month_of('answered_on') }} as answered_month,
    survey,
    question_code,
    respondent_kind,
    delivery,
    count(*) as answer_count,
    count(*) filter (where is_satisfied is not null) as rated_count,
    count(*) filter (where is_satisfied) as satisfied_count,
    count(*) filter (where recommendation is not null) as recommendation_count,
    count(*) filter (where recommendation = 'promoter') as promoter_count,
    count(*) filter (where recommendation = 'detractor') as detractor_count,
    count(*) filter (where is_satisfied is null and recommendation is null) as unscored_count
from {{ ref('fct_survey_answers') }}
group by business, channel, {{ month_of('answered_on') }}, survey, question_code, respondent_kind, delivery
