-- The receivable of a month's end uses up the sales of that month, then of the one before, and so on; what it uses of a
-- month gives that share of the month's days.
with months as (
    select
        business,
        currency_code,
        month_end,
        max(days_in_month) as days_in_month,
        sum(invoiced_amount) as invoiced_amount,
        sum(open_amount) as open_amount
    from {{ ref('rpt_receivable_months') }}
    group by business, currency_code, month_end
),

back as (
    select
        months.business,
        months.currency_code,
        months.month_end,
        months.open_amount,
        earlier.month_end as counted_month_end,
        earlier.days_in_month,
        earlier.invoiced_amount,
        coalesce(
            sum(earlier.invoiced_amount) over (
                partition by months.business, months.currency_code, months.month_end
                order by earlier.month_end desc
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as used_before
    from months
    inner join months as earlier
        on
            months.business = earlier.business
            and months.currency_code = earlier.currency_code
            and months.month_end >= earlier.month_end
)

select
    business,
    currency_code,
    month_end,
    counted_month_end,
    cast(least(invoiced_amount, open_amount - used_before) as decimal(18, 2)) as counted_amount,
    cast(
        days_in_month * case
            when open_amount - used_before >= invoiced_amount then 1
            else (open_amount - used_before) / invoiced_amount
        end as decimal(18, 6)
    ) as counted_days
from back
where open_amount > used_before
