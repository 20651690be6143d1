{{ config(materialized='table') }}

with identifiers as (
    select * from {{ ref('int_customer_identifiers') }}
),

holders as (
    select
        business,
        identifier_type,
        identifier,
        count(*) as account_count,
        count(distinct full_name_token) as name_count,
        max(full_name_token) as any_name
    from identifiers
    group by business, identifier_type, identifier
    having count(*) > 1
),

-- Whoever holds an identifier and gives no name has the name of the others, if they all have one.
matched as (
    select
        identifiers.business,
        identifiers.identifier_type,
        identifiers.identifier,
        identifiers.customer_key,
        identifiers.first_known_at,
        identifiers.first_seen_at,
        identifiers.known_at,
        rules.rule,
        rules.match_probability,
        rules.identifier_type || case when rules.names = 'same' then ', name' else '' end || ': same' as evidence,
        case
            when rules.names != 'same' then '-'
            when holders.name_count = 1 then holders.any_name
            else identifiers.full_name_token
        end as name_group
    from identifiers
    inner join holders
        on
            identifiers.business = holders.business
            and identifiers.identifier_type = holders.identifier_type
            and identifiers.identifier = holders.identifier
    inner join {{ ref('identity_rules') }} as rules
        on
            identifiers.identifier_type = rules.identifier_type
            and holders.account_count <= rules.most_accounts
            and rules.names in ('any', case when holders.name_count = 0 then 'none' else 'same' end)
),

-- A star around the account that was known first is enough to connect all of them.
linked as (
    select
        *,
        first_value(customer_key) over (
            partition by business, identifier_type, identifier, name_group
            order by first_known_at asc, first_seen_at asc, customer_key asc
        ) as first_customer_key,
        first_value(known_at) over (
            partition by business, identifier_type, identifier, name_group
            order by first_known_at asc, first_seen_at asc, customer_key asc
        ) as first_account_known_at
    from matched
    where name_group is not null
)

select
    business,
    least(first_customer_key, customer_key) as customer_key_a,
    greatest(first_customer_key, customer_key) as customer_key_b,
    rule,
    cast(max(match_probability) as decimal(9, 8)) as match_probability,
    max(evidence) as evidence,
    max(greatest(first_account_known_at, known_at)) as known_at
from linked
where first_customer_key != customer_key
group by business, least(first_customer_key, customer_key), greatest(first_customer_key, customer_key), rule
