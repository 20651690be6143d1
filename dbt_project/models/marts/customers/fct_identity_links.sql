with links as (
    select
        links.*,
        coalesce(clusters_a.cluster_key, links.customer_key_a) as cluster_key_a,
        coalesce(clusters_b.cluster_key, links.customer_key_b) as cluster_key_b
    from {{ ref('int_identity_links') }} as links
    left join {{ ref('int_identity_clusters') }} as clusters_a
        on links.customer_key_a = clusters_a.customer_key
    left join {{ ref('int_identity_clusters') }} as clusters_b
        on links.customer_key_b = clusters_b.customer_key
),

parted as (
    select distinct
        least(clusters_a.cluster_key, clusters_b.cluster_key) as cluster_key_a,
        greatest(clusters_a.cluster_key, clusters_b.cluster_key) as cluster_key_b
    from {{ ref('int_identity_decisions') }} as decisions
    inner join {{ ref('int_identity_clusters') }} as clusters_a
        on decisions.customer_key_a = clusters_a.customer_key
    inner join {{ ref('int_identity_clusters') }} as clusters_b
        on decisions.customer_key_b = clusters_b.customer_key
    where decisions.decision = 'different'
)

select
    links.business,
    links.customer_key_a,
    links.customer_key_b,
    links.rule,
    links.method,
    links.match_probability,
    links.evidence,
    links.cluster_key_a = links.cluster_key_b as is_used,
    case
        when links.cluster_key_a = links.cluster_key_b then null
        when parted.cluster_key_a is not null then 'decided_different'
        else 'too_many_accounts'
    end as refused_because,
    links.known_at
from links
left join parted
    on
        least(links.cluster_key_a, links.cluster_key_b) = parted.cluster_key_a
        and greatest(links.cluster_key_a, links.cluster_key_b) = parted.cluster_key_b
