with clock as (
    select * from {{ ref('int_business_clock') }}
),

order_items as (
    select
        'order_payment' as comparison,
        'payment' as item_type,
        order_key as item_no,
        business,
        provider,
        cast(null as varchar) as account,
        channel,
        order_key,
        case when has_order then order_key end as recorded_key,
        case when has_payment then order_key end as reported_key,
        case when has_order and has_payment then 'order' end as match_rule,
        cast(null as decimal(5, 2)) as match_score,
        order_key as match_evidence,
        recorded_amount,
        reported_amount,
        currency_code,
        item_on,
        is_repeated,
        cast(null as varchar) as given_bucket,
        known_at
    from {{ ref('fct_compared_order_payments') }}
),

payment_items as (
    select
        'payment_settlement' as comparison,
        'payment' as item_type,
        coalesce(payment_key, payment_entry_key) as item_no,
        business,
        provider,
        account,
        channel,
        order_key,
        payment_key as recorded_key,
        payment_entry_key as reported_key,
        match_rule,
        cast(null as decimal(5, 2)) as match_score,
        coalesce(case when match_rule in ('order', 'order_and_amount') then order_key end, payment_no, order_key)
            as match_evidence,
        recorded_amount,
        reported_amount,
        currency_code,
        item_on,
        is_repeated,
        -- Money that names no order of ours, and nothing that could become one any more.
        case when recorded_amount is null and order_key is null and not is_repeated then 'unknown' end as given_bucket,
        known_at
    from {{ ref('fct_matched_payments') }}
),

refund_items as (
    select
        'payment_settlement' as comparison,
        'refund' as item_type,
        'refund:' || provider || ':' || compared_key as item_no,
        business,
        provider,
        account,
        channel,
        order_key,
        case when recorded_amount is not null then order_key end as recorded_key,
        case when reported_amount is not null then compared_key end as reported_key,
        case when recorded_amount is not null and reported_amount is not null then 'order' end as match_rule,
        cast(null as decimal(5, 2)) as match_score,
        compared_key as match_evidence,
        recorded_amount,
        reported_amount,
        currency_code,
        item_on,
        false as is_repeated,
        case
            when coalesce(recorded_amount, 0) = coalesce(reported_amount, 0) then 'matched'
            when
                coalesce(recorded_amount, 0) < coalesce(reported_amount, 0)
                and coalesce(recorded_amount, 0) - coalesce(reported_amount, 0) >= waiting_amount
                then 'timing'
            else 'refund'
        end as given_bucket,
        known_at
    from {{ ref('fct_compared_refunds') }}
),

-- Fees are in nobody's books before the service reports them.
fee_items as (
    select
        'payment_settlement' as comparison,
        case when entries.entry_type = 'other' then 'other' else 'fee' end as item_type,
        'fee:' || entries.payment_entry_key as item_no,
        entries.business,
        entries.provider,
        entries.account,
        entries.channel,
        entries.order_key,
        cast(null as varchar) as recorded_key,
        entries.payment_entry_key as reported_key,
        cast(null as varchar) as match_rule,
        cast(null as decimal(5, 2)) as match_score,
        entries.source_type as match_evidence,
        cast(null as decimal(18, 6)) as recorded_amount,
        case when entries.entry_type in ('fee', 'other') then entries.net_amount else -entries.fee_amount end
            as reported_amount,
        entries.currency_code,
        entries.occurred_on as item_on,
        false as is_repeated,
        case when entries.entry_type = 'other' then coalesce(buckets.bucket, 'unknown') else 'fee' end as given_bucket,
        entries.known_at
    from {{ ref('fct_provider_entries') }} as entries
    left join {{ ref('reconciliation_entry_buckets') }} as buckets
        on entries.provider = buckets.source and entries.source_type = buckets.source_type
    where
        case when entries.entry_type in ('fee', 'other') then entries.net_amount else entries.fee_amount end <> 0
        and entries.entry_type <> 'payout'
        and coalesce(buckets.bucket, '') <> 'own_money'
),

payout_items as (
    select
        'settlement_payout' as comparison,
        'payout' as item_type,
        'settlement:' || provider || ':' || account || ':' || settlement_no as item_no,
        business,
        provider,
        account,
        cast(null as varchar) as channel,
        cast(null as varchar) as order_key,
        settlement_no as recorded_key,
        payout_key as reported_key,
        case when payout_key is not null then 'settlement_no' end as match_rule,
        cast(null as decimal(5, 2)) as match_score,
        settlement_no as match_evidence,
        recorded_amount,
        case when payout_key is not null then reported_amount end as reported_amount,
        currency_code,
        item_on,
        false as is_repeated,
        cast(null as varchar) as given_bucket,
        known_at
    from {{ ref('fct_compared_settlements') }}
),

bank_items as (
    select
        'payout_bank' as comparison,
        case
            when payout_key is null then 'bank_line'
            when provider = 'customer' then 'receipt'
            else 'payout'
        end as item_type,
        'bank:' || coalesce(payout_key, bank_entry_key) as item_no,
        business,
        provider,
        account,
        cast(null as varchar) as channel,
        cast(null as varchar) as order_key,
        payout_key as recorded_key,
        bank_entry_key as reported_key,
        match_rule,
        match_score,
        match_evidence,
        recorded_amount,
        reported_amount,
        currency_code,
        item_on,
        payout_key is null and is_numbered as is_repeated,
        case
            when payout_key is null and not is_numbered then 'unknown'
            when bank_entry_key is null and is_waiting then 'timing'
        end as given_bucket,
        known_at
    from {{ ref('fct_matched_bank_lines') }}
),

items as (
    {%- for name in ['order_items', 'payment_items', 'refund_items', 'fee_items', 'payout_items', 'bank_items'] %}
    select * from {{ name }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

judged as (
    select
        items.*,
        coalesce(items.recorded_amount, 0) - coalesce(items.reported_amount, 0) as difference,
        policies.amount_tolerance,
        policies.version as policy_version,
        items.item_on + cast(policies.waiting_days as integer) >= clock.as_of_date as is_young
    from items
    inner join clock on items.business = clock.business
    left join {{ ref('dim_reconciliation_policies') }} as policies
        on
            items.comparison = policies.comparison
            and items.provider = policies.provider
            and items.currency_code = policies.currency_code
            and items.item_on between policies.valid_from and policies.valid_until
)

select
    comparison || ':' || item_no as reconciliation_item_key,
    business,
    comparison,
    item_type,
    provider,
    account,
    channel,
    order_key,
    item_on,
    recorded_key,
    reported_key,
    match_rule,
    match_score,
    match_evidence,
    cast(recorded_amount as decimal(18, 6)) as recorded_amount,
    cast(reported_amount as decimal(18, 6)) as reported_amount,
    cast(difference as decimal(18, 6)) as difference_amount,
    case
        when given_bucket = 'unknown' and is_young and comparison = 'payment_settlement' and item_type = 'payment'
            then 'timing'
        when given_bucket is not null then given_bucket
        when abs(difference) <= coalesce(amount_tolerance, 0) then 'matched'
        when is_repeated then 'duplicate'
        when recorded_amount is not null and reported_amount is not null then 'amount_differs'
        when is_young then 'timing'
        else 'missing'
    end as residual_bucket,
    cast(coalesce(amount_tolerance, 0) as decimal(18, 2)) as amount_tolerance,
    cast(policy_version as bigint) as policy_version,
    currency_code,
    known_at
from judged
