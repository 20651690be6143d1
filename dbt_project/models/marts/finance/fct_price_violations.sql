-- The price of the channel comes before that of all channels, the newest before older ones; a policy of the
-- business and channel before a general one.
with lines as (
    select * from {{ ref('fct_order_lines') }}
    where order_type in ('sale', 'wholesale') and quantity > 0 and is_product
),

priced as (
    select
        lines.order_key,
        lines.line_no,
        lines.business,
        lines.source,
        lines.channel,
        lines.sku,
        lines.quantity,
        lines.unit_price,
        lines.created_on,
        lines.currency_code,
        prices.unit_price as list_price,
        prices.price_key,
        greatest(lines.known_at, prices.known_at) as known_at
    from lines
    inner join {{ ref('dim_prices') }} as prices
        on
            lines.business = prices.business
            and lines.sku = prices.sku
            and lines.currency_code = prices.currency_code
            and prices.channel in ('*', lines.channel)
            and lines.created_on >= prices.valid_from
            and lines.created_on <= coalesce(prices.valid_until, lines.created_on)
    qualify row_number() over (
        partition by lines.order_key, lines.line_no
        order by case when prices.channel = '*' then 1 else 0 end asc, prices.valid_from desc, prices.price_key asc
    ) = 1
),

judged as (
    select
        priced.*,
        policies.allowed_discount,
        policies.allowed_surcharge,
        policies.version as policy_version,
        cast(round(priced.list_price * (1 - policies.allowed_discount), 6) as decimal(18, 6)) as lowest_price,
        cast(round(priced.list_price * (1 + policies.allowed_surcharge), 6) as decimal(18, 6)) as highest_price
    from priced
    inner join {{ ref('price_policies') }} as policies
        on
            policies.business in ('*', priced.business)
            and policies.channel in ('*', priced.channel)
            and priced.created_on >= policies.valid_from
            and priced.created_on <= coalesce(policies.valid_until, priced.created_on)
    qualify row_number() over (
        partition by priced.order_key, priced.line_no
        order by
            case when policies.business = '*' then 1 else 0 end asc,
            case when policies.channel = '*' then 1 else 0 end asc,
            policies.valid_from desc
    ) = 1
)

select
    order_key || ':' || cast(line_no as varchar) as price_violation_key,
    business,
    source,
    channel,
    order_key,
    line_no,
    sku,
    created_on,
    case when unit_price < lowest_price then 'below_policy' else 'above_policy' end as violation_type,
    quantity,
    unit_price,
    list_price,
    lowest_price,
    highest_price,
    cast(
        case when unit_price < lowest_price then unit_price - lowest_price else unit_price - highest_price end
        as decimal(18, 6)
    ) as unit_difference,
    price_key,
    cast(policy_version as bigint) as policy_version,
    currency_code,
    known_at
from judged
where unit_price < lowest_price or unit_price > highest_price
