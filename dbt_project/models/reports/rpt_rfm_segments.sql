select
    business,
    rfm_segment,
    rfm_recency_score as recency_score,
    rfm_frequency_score as frequency_score,
    currency_code,
    count(*) as customer_count,
    cast(sum(rfm_monetary) as decimal(18, 2)) as monetary_amount,
    cast(sum(rfm_frequency) as bigint) as order_count
from {{ ref('dim_customers') }}
where rfm_segment is not null
group by business, rfm_segment, rfm_recency_score, rfm_frequency_score, currency_code
