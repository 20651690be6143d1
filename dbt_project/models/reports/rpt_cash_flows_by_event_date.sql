select
    business,
    channel,
    event_on as business_date,
    flow_type,
    currency_code,
    count(*) as flow_count,
    cast(sum(amount) as decimal(18, 6)) as amount
from {{ ref('fct_order_cash_flows') }}
group by business, channel, event_on, flow_type, currency_code
