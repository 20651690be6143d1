with clustered as (
    select
        accounts.customer_key,
        accounts.business,
        first_value(accounts.customer_key) over (
            partition by accounts.business, coalesce(clusters.cluster_key, accounts.customer_key)
            order by
                accounts.first_known_at asc,
                accounts.first_seen_at asc nulls last,
                accounts.customer_key asc
        ) as person_key,
        accounts.full_name_token,
        accounts.phone_token,
        accounts.email_token,
        accounts.known_at
    from {{ ref('int_customer_accounts') }} as accounts
    left join {{ ref('int_identity_clusters') }} as clusters
        on accounts.customer_key = clusters.customer_key
),

link_ends as (
    select
        customer_key_a as customer_key,
        *
    from {{ ref('fct_identity_links') }}
    where is_used
    union all
    select
        customer_key_b as customer_key,
        *
    from {{ ref('fct_identity_links') }}
    where is_used
),

strongest as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by match_probability desc, method asc, rule asc, customer_key_a asc, customer_key_b asc
        ) as strongest_first
    from link_ends
)

select
    clustered.customer_key,
    clustered.business,
    clustered.person_key,
    clustered.customer_key = clustered.person_key as is_first_account,
    strongest.rule as linked_by,
    strongest.method as link_method,
    strongest.match_probability,
    strongest.evidence as link_evidence,
    clustered.full_name_token as name_token,
    clustered.phone_token,
    clustered.email_token,
    greatest(clustered.known_at, coalesce(strongest.known_at, clustered.known_at)) as known_at
from clustered
left join strongest
    on clustered.customer_key = strongest.customer_key and strongest.strongest_first = 1
