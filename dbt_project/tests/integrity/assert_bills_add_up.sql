{{ config(meta={'dagster': {'ref': {'name': 'fct_payment_entries'}}}) }}

-- Every row of every bill is in the mart: as many rows have arrived as the bill had, no two of them are taken for one,
-- and their amounts are those of the mart. Refused rows are in quarantine and counted there; a row that a later bill
-- repeats counts there.
with bills as (
    {{ bill_rows() }}
),

received as (
    select
        source,
        account,
        bill_kind,
        bill_date,
        max(rows_in_bill) as rows_in_bill,
        count(distinct row_number) as rows_received,
        count(*) filter (where not is_refused) as usable_rows,
        count(distinct record_identity) filter (where not is_refused) as entries
    from bills
    where bill_date is not null
    group by source, account, bill_kind, bill_date
),

newest as (
    select *
    from bills
    where not is_refused
    qualify row_number() over (
        partition by source, account, bill_kind, record_identity order by bill_date desc, row_number desc
    ) = 1
),

expected as (
    select
        source,
        account,
        bill_kind,
        bill_date,
        sum(abs(record_amount)) as amount
    from newest
    group by source, account, bill_kind, bill_date
),

taken as (
    select
        source,
        account,
        bill_kind,
        bill_date,
        sum(abs(amount)) as amount
    from {{ ref('fct_payment_entries') }}
    group by source, account, bill_kind, bill_date
)

select
    received.*,
    coalesce(expected.amount, 0) as amount_expected,
    coalesce(taken.amount, 0) as amount_taken
from received
left join expected
    on
        received.source = expected.source
        and received.account = expected.account
        and received.bill_kind = expected.bill_kind
        and received.bill_date = expected.bill_date
left join taken
    on
        received.source = taken.source
        and received.account = taken.account
        and received.bill_kind = taken.bill_kind
        and received.bill_date = taken.bill_date
where
    received.rows_received != received.rows_in_bill
    or received.usable_rows != received.entries
    or coalesce(expected.amount, 0) != coalesce(taken.amount, 0)
