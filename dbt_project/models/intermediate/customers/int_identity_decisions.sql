with decisions as (
    select
        least(customer_key_a, customer_key_b) as customer_key_a,
        greatest(customer_key_a, customer_key_b) as customer_key_b,
        decision,
        decided_by,
        decided_at,
        reason
    from {{ ref('identity_decisions') }}
    where customer_key_a != customer_key_b
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_key_a, customer_key_b
            order by decided_at desc, decision asc, decided_by asc
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
