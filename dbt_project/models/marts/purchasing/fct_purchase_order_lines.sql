with purchases as (
    select
        purchases.*,
        coalesce(statuses.purchase_order_status, 'unknown') as purchase_order_status
    from {{ ref('int_purchase_order_lines_unioned') }} as purchases
    left join {{ ref('purchase_order_status_map') }} as statuses
        on purchases.source = statuses.source and lower(purchases.source_status) = statuses.source_status
),

opened as (
    select
        *,
        cast(case
            when purchase_order_status = 'ordered' then greatest(quantity - received_quantity, 0) else 0
        end as decimal(18, 6)) as open_quantity
    from purchases
)

select
    concat_ws(':', opened.source, opened.account, opened.order_no, opened.line_no) as purchase_order_line_key,
    opened.business,
    opened.source,
    opened.account,
    opened.order_no,
    opened.line_no,
    case
        when opened.supplier_no is not null then concat_ws(':', opened.source, opened.account, opened.supplier_no)
    end as supplier_key,
    opened.supplier_no,
    opened.site,
    opened.sku,
    opened.purchase_order_status,
    opened.source_status,
    opened.quantity,
    opened.received_quantity,
    opened.open_quantity,
    opened.unit_price,
    opened.line_amount,
    opened.currency_code,
    opened.ordered_at,
    {{ business_date('opened.ordered_at') }} as ordered_on,
    opened.promised_on,
    opened.received_at,
    opened.reference,
    nullif(regexp_extract(opened.reference, '([0-9a-f]{64})', 1), '') as decision_id,
    coalesce(opened.open_quantity > 0 and opened.promised_on < clock.as_of_date, false) as is_overdue,
    opened.known_at
from opened
left join {{ ref('int_business_clock') }} as clock on opened.business = clock.business
