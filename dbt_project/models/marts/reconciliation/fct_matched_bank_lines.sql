-- Payouts of the services and transfers of customers against the bank's lines. First by number in the line's words,
-- then by amount, days and words; of several candidates two belong together that are each other's best.
with bank as (
    select
        business,
        source as bank,
        payment_entry_key as bank_entry_key,
        coalesce(description, '') as memo,
        amount,
        currency_code,
        occurred_at,
        {{ business_date('occurred_at') }} as booked_on,
        known_at
    from {{ ref('fct_payment_entries') }}
    where {{ is_bank('source') }}
),

covered as (
    select
        business,
        min(booked_on) as first_on,
        max(booked_on) as last_on
    from bank
    group by business
),

announced as (
    select
        business,
        provider,
        account,
        payment_entry_key as payout_key,
        settlement_no as payout_no,
        -amount as amount,
        currency_code,
        occurred_on as paid_out_on,
        known_at
    from {{ ref('fct_provider_entries') }}
    where entry_type = 'payout'
    union all
    select
        business,
        'customer' as provider,
        channel as account,
        receipt_key as payout_key,
        receipt_no as payout_no,
        amount,
        currency_code,
        arrived_on as paid_out_on,
        known_at
    from {{ ref('fct_receipts') }}
),

payouts as (
    select
        announced.*,
        policies.amount_tolerance,
        cast(policies.waiting_days as integer) as waiting_days,
        cast(policies.match_days as integer) as match_days,
        policies.minimum_score,
        policies.amount_weight,
        policies.days_weight,
        policies.memo_weight,
        policies.version as policy_version
    from announced
    inner join covered on announced.business = covered.business and announced.paid_out_on >= covered.first_on
    inner join {{ ref('dim_reconciliation_policies') }} as policies
        on
            policies.comparison = 'payout_bank'
            and announced.provider = policies.provider
            and announced.currency_code = policies.currency_code
            and announced.paid_out_on between policies.valid_from and policies.valid_until
),

numbered as (
    select
        payouts.payout_key,
        bank.bank_entry_key,
        abs(payouts.amount - bank.amount) as amount_gap,
        abs(bank.booked_on - payouts.paid_out_on) as days_gap
    from payouts
    inner join bank
        on
            payouts.business = bank.business
            and payouts.currency_code = bank.currency_code
            and length(payouts.payout_no) > 3
            and {{ contains_text('bank.memo', 'payouts.payout_no') }}
),

by_number as (
    select
        payout_key,
        bank_entry_key
    from numbered
    qualify
        row_number() over (partition by payout_key order by amount_gap, days_gap, bank_entry_key) = 1
        and row_number() over (partition by bank_entry_key order by amount_gap, days_gap, payout_key) = 1
),

bank_words as (
    select distinct
        bank.bank_entry_key,
        words.provider,
        words.account
    from bank
    inner join {{ ref('bank_memo_words') }} as words on {{ contains_text('bank.memo', 'words.word') }}
),

worded as (
    select distinct bank_entry_key from bank_words
),

numbered_lines as (
    select distinct bank_entry_key from numbered
),

open_payouts as (
    select payouts.*
    from payouts
    left join by_number on payouts.payout_key = by_number.payout_key
    where by_number.payout_key is null
),

open_lines as (
    select bank.*
    from bank
    left join numbered_lines on bank.bank_entry_key = numbered_lines.bank_entry_key
    where numbered_lines.bank_entry_key is null
),

-- Words give all their points where the line has the service's, half where it has nobody's, none where another's.
candidates as (
    select
        payouts.payout_key,
        bank.bank_entry_key,
        payouts.minimum_score,
        payouts.amount_weight * case
            when payouts.amount = bank.amount then 1
            else 1 - abs(payouts.amount - bank.amount) / (payouts.amount_tolerance * 2)
        end as amount_points,
        payouts.days_weight
        * (1 - cast(bank.booked_on - payouts.paid_out_on as decimal(9, 4)) / (payouts.match_days + 1)) as days_points,
        payouts.memo_weight * case
            when own_words.bank_entry_key is not null then 1.0
            when worded.bank_entry_key is null then 0.5
            else 0.0
        end as memo_points
    from open_payouts as payouts
    inner join open_lines as bank
        on
            payouts.business = bank.business
            and payouts.currency_code = bank.currency_code
            and bank.amount between payouts.amount - payouts.amount_tolerance
            and payouts.amount + payouts.amount_tolerance
            and bank.booked_on between payouts.paid_out_on and payouts.paid_out_on + payouts.match_days
    left join bank_words as own_words
        on
            bank.bank_entry_key = own_words.bank_entry_key
            and payouts.provider = own_words.provider
            and own_words.account in ('*', payouts.account)
    left join worded on bank.bank_entry_key = worded.bank_entry_key
),

scored as (
    select
        *,
        cast(amount_points + days_points + memo_points as decimal(5, 2)) as match_score
    from candidates
),

by_score as (
    select
        payout_key,
        bank_entry_key,
        match_score,
        amount_points,
        days_points,
        memo_points
    from scored
    where match_score >= minimum_score
    qualify
        row_number() over (partition by payout_key order by match_score desc, bank_entry_key asc) = 1
        and row_number() over (partition by bank_entry_key order by match_score desc, payout_key asc) = 1
),

matched as (
    select
        payout_key,
        bank_entry_key,
        'payout_no' as match_rule,
        cast(null as decimal(5, 2)) as match_score,
        cast(null as varchar) as match_evidence
    from by_number
    union all
    select
        payout_key,
        bank_entry_key,
        'amount_days_memo' as match_rule,
        match_score,
        'amount ' || cast(cast(amount_points as decimal(5, 1)) as varchar)
        || ' days ' || cast(cast(days_points as decimal(5, 1)) as varchar)
        || ' memo ' || cast(cast(memo_points as decimal(5, 1)) as varchar) as match_evidence
    from by_score
)

select
    coalesce(payouts.business, bank.business) as business,
    coalesce(payouts.provider, bank.bank) as provider,
    payouts.account,
    coalesce(payouts.payout_key, bank.bank_entry_key) as compared_key,
    payouts.payout_key,
    bank.bank_entry_key,
    matched.match_rule,
    matched.match_score,
    coalesce(
        matched.match_evidence, payouts.payout_no || ' in ' || bank.memo, payouts.payout_no, nullif(bank.memo, '')
    ) as match_evidence,
    payouts.amount as recorded_amount,
    bank.amount as reported_amount,
    coalesce(payouts.currency_code, bank.currency_code) as currency_code,
    coalesce(payouts.paid_out_on, bank.booked_on) as item_on,
    payouts.amount_tolerance,
    payouts.policy_version,
    -- Money may be on its way as long as the statement goes.
    payouts.paid_out_on + payouts.waiting_days >= covered.last_on as is_waiting,
    bank.bank_entry_key is not null and numbered_lines.bank_entry_key is not null as is_numbered,
    greatest(coalesce(payouts.known_at, bank.known_at), coalesce(bank.known_at, payouts.known_at)) as known_at
from payouts
left join matched on payouts.payout_key = matched.payout_key
full outer join bank on matched.bank_entry_key = bank.bank_entry_key
left join numbered_lines on bank.bank_entry_key = numbered_lines.bank_entry_key
left join covered on payouts.business = covered.business
-- What else leaves the bank account (suppliers, wages) is no business of sales.
where payouts.payout_key is not null or bank.amount > 0
