-- By the service's number of the payment; else by order and amount; else by order. Several of one kind are matched in
-- the order of time. Each round takes what the earlier ones left.
with recorded as (
    select
        *,
        row_number() over (partition by business, provider, payment_no order by paid_at, payment_key) as no_rank
    from {{ ref('fct_routed_payments') }}
    where is_covered
),

reported as (
    select
        *,
        row_number() over (
            partition by business, provider, provider_payment_no order by occurred_at, payment_entry_key
        ) as no_rank
    from {{ ref('fct_provider_entries') }}
    where entry_type = 'payment'
),

by_number as (
    select
        recorded.payment_key,
        reported.payment_entry_key,
        'payment_no' as match_rule
    from recorded
    inner join reported
        on
            recorded.business = reported.business
            and recorded.provider = reported.provider
            and recorded.payment_no = reported.provider_payment_no
            and recorded.no_rank = reported.no_rank
),

recorded_left as (
    select
        recorded.*,
        row_number() over (
            partition by recorded.business, recorded.provider, recorded.order_key, recorded.amount
            order by recorded.paid_at, recorded.payment_key
        ) as by_amount_rank
    from recorded
    left join by_number on recorded.payment_key = by_number.payment_key
    where by_number.payment_key is null
),

reported_left as (
    select
        reported.*,
        row_number() over (
            partition by reported.business, reported.provider, reported.order_key, reported.amount
            order by reported.occurred_at, reported.payment_entry_key
        ) as by_amount_rank
    from reported
    left join by_number on reported.payment_entry_key = by_number.payment_entry_key
    where by_number.payment_entry_key is null
),

by_amount as (
    select
        recorded_left.payment_key,
        reported_left.payment_entry_key,
        'order_and_amount' as match_rule
    from recorded_left
    inner join reported_left
        on
            recorded_left.business = reported_left.business
            and recorded_left.provider = reported_left.provider
            and recorded_left.order_key = reported_left.order_key
            and recorded_left.amount = reported_left.amount
            and recorded_left.by_amount_rank = reported_left.by_amount_rank
),

recorded_last as (
    select
        recorded_left.*,
        row_number() over (
            partition by recorded_left.business, recorded_left.provider, recorded_left.order_key
            order by recorded_left.paid_at, recorded_left.payment_key
        ) as by_order_rank
    from recorded_left
    left join by_amount on recorded_left.payment_key = by_amount.payment_key
    where by_amount.payment_key is null
),

reported_last as (
    select
        reported_left.*,
        row_number() over (
            partition by reported_left.business, reported_left.provider, reported_left.order_key
            order by reported_left.occurred_at, reported_left.payment_entry_key
        ) as by_order_rank
    from reported_left
    left join by_amount on reported_left.payment_entry_key = by_amount.payment_entry_key
    where by_amount.payment_entry_key is null
),

by_order as (
    select
        recorded_last.payment_key,
        reported_last.payment_entry_key,
        'order' as match_rule
    from recorded_last
    inner join reported_last
        on
            recorded_last.business = reported_last.business
            and recorded_last.provider = reported_last.provider
            and recorded_last.order_key = reported_last.order_key
            and recorded_last.by_order_rank = reported_last.by_order_rank
),

matched as (
    select * from by_number
    union all
    select * from by_amount
    union all
    select * from by_order
),

sides as (
    select
        coalesce(recorded.business, reported.business) as business,
        coalesce(recorded.provider, reported.provider) as provider,
        reported.account,
        coalesce(recorded.channel, reported.channel) as channel,
        coalesce(recorded.order_key, reported.order_key) as order_key,
        coalesce(recorded.payment_key, reported.payment_entry_key) as compared_key,
        recorded.payment_key,
        reported.payment_entry_key,
        coalesce(recorded.payment_no, reported.provider_payment_no) as payment_no,
        matched.match_rule,
        recorded.amount as recorded_amount,
        reported.amount as reported_amount,
        coalesce(recorded.currency_code, reported.currency_code) as currency_code,
        coalesce(recorded.paid_on, reported.occurred_on) as item_on,
        greatest(coalesce(recorded.known_at, reported.known_at), coalesce(reported.known_at, recorded.known_at))
            as known_at
    from recorded
    left join matched on recorded.payment_key = matched.payment_key
    full outer join reported on matched.payment_entry_key = reported.payment_entry_key
),

-- What is left over says the same as something that found its partner: told twice.
told as (
    select
        business,
        provider,
        payment_no,
        max(order_key) as order_key
    from sides
    where match_rule is not null
    group by business, provider, payment_no
),

told_amounts as (
    select distinct
        business,
        provider,
        order_key,
        recorded_amount as amount
    from sides
    where match_rule is not null and order_key is not null
)

select
    sides.*,
    sides.match_rule is null
    and (told.payment_no is not null or told_amounts.order_key is not null) as is_repeated
from sides
left join told
    on
        sides.business = told.business
        and sides.provider = told.provider
        -- A condition on one side alone would have the engine compare every row with every other.
        and case when sides.payment_key is null then sides.payment_no end = told.payment_no
left join told_amounts
    on
        sides.business = told_amounts.business
        and sides.provider = told_amounts.provider
        and sides.order_key = told_amounts.order_key
        and coalesce(sides.recorded_amount, sides.reported_amount) = told_amounts.amount
