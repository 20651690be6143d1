with exact as (
    select
        business,
        customer_key_a,
        customer_key_b,
        rule,
        'exact' as method,
        match_probability,
        evidence,
        known_at
    from {{ ref('int_identity_links_exact') }}
),

decided as (
    select
        accounts.business,
        least(decisions.customer_key_a, decisions.customer_key_b) as customer_key_a,
        greatest(decisions.customer_key_a, decisions.customer_key_b) as customer_key_b,
        'steward' as rule,
        'decided' as method,
        cast(1 as decimal(9, 8)) as match_probability,
        decisions.decided_by || coalesce(': ' || decisions.reason, '') as evidence,
        decisions.decided_at as known_at
    from {{ ref('int_identity_decisions') }} as decisions
    inner join {{ ref('int_customer_accounts') }} as accounts
        on decisions.customer_key_a = accounts.customer_key
    inner join {{ ref('int_customer_accounts') }} as others
        on decisions.customer_key_b = others.customer_key and accounts.business = others.business
    where decisions.decision = 'same'
)

select * from exact
union all
select * from decided
