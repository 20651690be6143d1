{#- What people decided on pages and by command; a lake that no run has written to yet has none. -#}
{%- set recorded = source('decisions', 'steward_decisions') -%}
with decisions as (
    select
        customer_key_a,
        customer_key_b,
        decision,
        decided_by,
        decided_at,
        reason,
        cast(0 as bigint) as decision_id
    from {{ ref('identity_decisions') }}
    where customer_key_a != customer_key_b
    {%- if not execute or has_arrived(recorded) %}
    union all
    select
        made.customer_key_a,
        made.customer_key_b,
        made.decision,
        made.decided_by,
        made.decided_at,
        made.reason,
        made.decision_id
    from {{ recorded }} as made
    -- What was undone counts as never decided: an earlier decision about the pair holds again.
    where
        made.act_id not in (
            select undone.act_id
            from {{ recorded }} as undone
            where undone.decision = 'undone'
        )
    {%- endif %}
),

ranked as (
    select
        least(customer_key_a, customer_key_b) as customer_key_a,
        greatest(customer_key_a, customer_key_b) as customer_key_b,
        decision,
        decided_by,
        decided_at,
        reason,
        row_number() over (
            partition by least(customer_key_a, customer_key_b), greatest(customer_key_a, customer_key_b)
            order by decided_at desc, decision_id desc, decision asc, decided_by asc
        ) as newest_first
    from decisions
)

select
    customer_key_a,
    customer_key_b,
    decision,
    decided_by,
    decided_at,
    reason
from ranked
where newest_first = 1
