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

probable as (
    select
        links.business,
        links.customer_key_a,
        links.customer_key_b,
        'probable' as rule,
        'probable' as method,
        -- Nothing but a steward's decision is certain.
        cast(least(links.match_probability, 0.99999999) as decimal(9, 8)) as match_probability,
        links.evidence,
        greatest(accounts_a.known_at, accounts_b.known_at) as known_at
    from {{ ref('int_identity_links_probable') }} as links
    inner join {{ ref('int_customer_accounts') }} as accounts_a
        on links.customer_key_a = accounts_a.customer_key
    inner join {{ ref('int_customer_accounts') }} as accounts_b
        on links.customer_key_b = accounts_b.customer_key
    where links.match_probability >= {{ var('identity_link_probability') }}
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
select * from probable
union all
select * from decided
