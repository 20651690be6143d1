-- The last day of an interval is its own; without one it has no end.
with prices as (
    select
        *,
        coalesce(valid_until, date '9999-12-31') as last_day
    from {{ ref('int_prices_unioned') }}
),

compared as (
    select
        *,
        max(last_day) over (article_window rows between unbounded preceding and 1 preceding) as earlier_last_day,
        lead(valid_from) over article_window as next_valid_from
    from prices
    window article_window as (partition by business, channel, sku, currency_code order by valid_from, source)
)

select
    concat_ws(':', source, channel, sku, currency_code, valid_from) as price_key,
    business,
    source,
    channel,
    sku,
    unit_price,
    currency_code,
    valid_from,
    valid_until,
    coalesce(earlier_last_day >= valid_from, false) or coalesce(next_valid_from <= last_day, false) as is_overlapping,
    known_at
from compared
