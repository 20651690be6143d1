-- What people answered, on the scale on which they were asked. Nothing is guessed: a question, a word or a respondent
-- that seed `survey_words` does not name, and a number without its scale, is kept and counted, and has no score.
with words as (
    select
        topic,
        word,
        meaning
    from {{ ref('survey_words') }}
),

-- How the parcels of an order did, as every page about parcels says: late as soon as one of them is.
deliveries as (
    select
        order_key,
        case
            when bool_or(outcome in ('late', 'overdue')) then 'late'
            when bool_and(outcome = 'in_time') then 'on_time'
            else 'not_known'
        end as delivery
    from {{ ref('fct_parcel_performance') }}
    group by order_key
),

answers as (
    select
        answers.*,
        coalesce(questions.meaning, 'other') as question_code,
        case
            when answers.respondent_kind is null then 'not_told'
            else coalesce(respondents.meaning, 'unknown')
        end as respondent,
        try_cast(rtrim(answers.answer, '分 ') as decimal(9, 2)) as number,
        cast(likert.meaning as decimal(9, 2)) as likert_score,
        order_numbers.order_key
    from {{ ref('int_survey_answers_unioned') }} as answers
    left join words as questions on questions.topic = 'question' and lower(answers.question) = questions.word
    left join words as likert on likert.topic = 'answer' and lower(answers.answer) = likert.word
    left join words as respondents
        on respondents.topic = 'respondent' and lower(answers.respondent_kind) = respondents.word
    left join {{ ref('int_order_numbers') }} as order_numbers
        on answers.business = order_numbers.business and answers.order_no = order_numbers.order_no
),

-- The words are those of a scale to five; on another scale their place is nobody's guess.
scored as (
    select
        *,
        case
            when number is not null and scale_max is not null then number
            when number is null and coalesce(scale_max, 5) = 5 then likert_score
        end as score,
        case when number is null and likert_score is not null then coalesce(scale_max, 5) else scale_max end as scale
    from answers
)

select
    scored.source || ':' || scored.survey || ':' || scored.response_no || ':' || scored.question as survey_answer_key,
    scored.business,
    scored.source,
    scored.survey,
    scored.response_no,
    scored.question,
    scored.question_code,
    scored.respondent as respondent_kind,
    scored.respondent_kind as source_respondent_kind,
    scored.respondent_token,
    scored.answered_at,
    {{ business_date('scored.answered_at') }} as answered_on,
    scored.answer as source_answer,
    scored.score,
    scored.scale as scale_max,
    case
        when scored.question_code not in ('recommendation', 'other')
            then 4 * (scored.score - 1) >= 3 * (scored.scale - 1)
    end as is_satisfied,
    case
        when scored.question_code = 'recommendation' and scored.scale = 10 and scored.score is not null
            then case
                when scored.score >= 9 then 'promoter'
                when scored.score >= 7 then 'passive'
                else 'detractor'
            end
    end as recommendation,
    scored.comment,
    scored.order_no,
    scored.order_key,
    orders.channel,
    coalesce(deliveries.delivery, 'not_known') as delivery,
    scored.known_at
from scored
left join {{ ref('fct_orders') }} as orders on scored.order_key = orders.order_key
left join deliveries on scored.order_key = deliveries.order_key
