{#- What people answered to reviews of suspected fraud; a lake that no run has written to yet has no answers. -#}
{%- set decisions = source('decisions', 'decisions') -%}
{%- set verdicts = source('decisions', 'decision_verdicts') -%}
-- Who approves the release of a suspected order says that it is none; the last word of a review holds.
with answers as (
    {%- if not execute or (has_arrived(decisions) and has_arrived(verdicts)) %}
    select
        json_extract_string(decisions.subject, '$.order_key') as order_key,
        verdicts.verdict = 'reject' as is_fraud,
        verdicts.given_at,
        verdicts.verdict_id
    from {{ verdicts }} as verdicts
    inner join {{ decisions }} as decisions on verdicts.decision_id = decisions.decision_id
    where decisions.rule_id = '{{ var("fraud_review_rule") }}'
    {%- else %}
    select
        cast(null as varchar) as order_key,
        cast(null as boolean) as is_fraud,
        cast(null as timestamptz) as given_at,
        cast(null as bigint) as verdict_id
    where false
    {%- endif %}
),

ranked as (
    select
        *,
        row_number() over (partition by order_key order by given_at desc, verdict_id desc) as newest_first
    from answers
)

select
    order_key,
    is_fraud,
    given_at
from ranked
where newest_first = 1
