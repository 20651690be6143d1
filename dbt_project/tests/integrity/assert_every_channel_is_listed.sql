{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'dim_channels'}}}) }}

-- Channels with orders that seed `channels` does not list, such as a new account: they show under their own name
-- and count as sending parcels. Add a row to label them. A warning, because their figures are whole.
select
    source,
    channel
from {{ ref('dim_channels') }}
where has_orders and not is_listed
