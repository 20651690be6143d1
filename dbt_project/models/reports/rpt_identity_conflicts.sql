with refused as (
    select
        business,
        'refused_link' as conflict_type,
        customer_key_a,
        customer_key_b,
        rule,
        refused_because as reason,
        match_probability,
        evidence,
        cast(2 as bigint) as account_count,
        known_at
    from {{ ref('fct_identity_links') }}
    where not is_used
),

unsure as (
    select
        probable.business,
        'unsure_link' as conflict_type,
        probable.customer_key_a,
        probable.customer_key_b,
        'probable' as rule,
        'below_link_probability' as reason,
        cast(probable.match_probability as decimal(9, 8)) as match_probability,
        probable.evidence,
        cast(2 as bigint) as account_count,
        greatest(accounts_a.known_at, accounts_b.known_at) as known_at
    from {{ ref('int_identity_links_probable') }} as probable
    inner join {{ ref('person_accounts') }} as accounts_a
        on probable.customer_key_a = accounts_a.customer_key
    inner join {{ ref('person_accounts') }} as accounts_b
        on probable.customer_key_b = accounts_b.customer_key
    left join {{ ref('int_identity_decisions') }} as decisions
        on
            probable.customer_key_a = decisions.customer_key_a
            and probable.customer_key_b = decisions.customer_key_b
    where
        probable.match_probability < {{ var('identity_link_probability') }}
        and accounts_a.person_key != accounts_b.person_key
        and decisions.decision is null
),

-- One identifier of several people: a household, a number that has a new owner, a reception.
shared as (
    select
        identifiers.business,
        'shared_identifier' as conflict_type,
        min(identifiers.customer_key) as customer_key_a,
        max(identifiers.customer_key) as customer_key_b,
        identifiers.identifier_type as rule,
        case
            when count(distinct identifiers.full_name_token) > 1 then 'several_names'
            else 'too_many_accounts'
        end as reason,
        cast(null as decimal(9, 8)) as match_probability,
        cast(count(distinct person_accounts.person_key) as varchar) || ' people' as evidence,
        cast(count(*) as bigint) as account_count,
        max(identifiers.known_at) as known_at
    from {{ ref('int_customer_identifiers') }} as identifiers
    inner join {{ ref('person_accounts') }} as person_accounts
        on identifiers.customer_key = person_accounts.customer_key
    group by identifiers.business, identifiers.identifier_type, identifiers.identifier
    having count(distinct person_accounts.person_key) > 1
)

select
    business,
    conflict_type,
    customer_key_a,
    customer_key_b,
    rule,
    reason,
    match_probability,
    evidence,
    account_count,
    known_at
from refused
union all
select
    business,
    conflict_type,
    customer_key_a,
    customer_key_b,
    rule,
    reason,
    match_probability,
    evidence,
    account_count,
    known_at
from unsure
union all
select
    business,
    conflict_type,
    customer_key_a,
    customer_key_b,
    rule,
    reason,
    match_probability,
    evidence,
    account_count,
    known_at
from shared
