{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- The same order number on the same channel from two sources of a business, such as an export of last year that
-- overlaps with what the platform's API brings: its order counts twice. Offer an export that ends where the API
-- starts. A warning, because two accounts may use one name.
select
    business,
    channel,
    order_no,
    min(source) as first_source,
    max(source) as last_source
from {{ ref('fct_orders') }}
group by business, channel, order_no
having min(source) != max(source)
