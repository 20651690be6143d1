-- A site that only a count, a movement or an order names is there, too: nothing is known of it but its name. Where
-- several sources describe a site, the one that was received last holds.
with listed as (
    select *
    from {{ ref('int_sites_unioned') }}
    qualify row_number() over (partition by business, site order by known_at desc, source asc) = 1
),

named as (
    select
        business,
        source,
        site,
        known_at
    from {{ ref('int_stock_unioned') }}
    union all
    select
        business,
        source,
        site,
        known_at
    from {{ ref('int_stock_movements_unioned') }}
    union all
    select
        business,
        source,
        site,
        known_at
    from {{ ref('int_purchase_order_lines_unioned') }}
    where site is not null
),

first_named as (
    select
        business,
        site,
        min(source) as source,
        min(known_at) as known_at
    from named
    group by business, site
),

sites as (
    select
        coalesce(listed.business, first_named.business) as business,
        coalesce(listed.source, first_named.source) as source,
        coalesce(listed.site, first_named.site) as site,
        listed.* exclude (business, source, site, known_at),
        listed.site is not null as is_listed,
        coalesce(listed.known_at, first_named.known_at) as known_at
    from listed
    full outer join first_named on listed.business = first_named.business and listed.site = first_named.site
)

select
    sites.business || ':' || sites.site as site_key,
    sites.business,
    sites.source,
    sites.site,
    coalesce(sites.name, sites.site) as name,
    coalesce(site_types.site_type, 'unknown') as site_type,
    sites.source_type,
    sites.latitude,
    sites.longitude,
    sites.country,
    coalesce(province_names.province, sites.province_name) as province,
    sites.city,
    sites.opened_on,
    sites.closed_on,
    sites.is_listed,
    sites.known_at
from sites
left join {{ ref('site_types') }} as site_types on lower(sites.source_type) = site_types.name
left join {{ ref('province_names') }} as province_names on sites.province_name = province_names.name
