-- Report tables of the fixture, counted from made_orders (a row an order).
create schema if not exists lake.reports;
create schema if not exists lake.marts;
create schema if not exists lake.reference;

create or replace table lake.reference.funnel_steps as
select * from (values
    ('order_to_cash', 1, 'created', 'step', null::int, 'Created', '已创建'),
    ('order_to_cash', 2, 'paid', 'step', 24, 'Paid', '已付款'),
    ('order_to_cash', 3, 'shipped', 'step', 72, 'Shipped', '已发货'),
    ('order_to_cash', 4, 'delivered', 'step', 168, 'Delivered', '已送达'),
    ('order_to_cash', 5, 'kept', 'step', 360, 'Kept', '未退款'),
    ('placed_kept', 1, 'placed', 'step', null, 'Placed', '已下单'),
    ('placed_kept', 2, 'kept', 'step', 720, 'Kept', '已保留'),
    ('placed_kept', 2, 'returned', 'outcome', 720, 'With a return', '有退货')
) as t (funnel, step_number, step_name, step_kind, window_hours, label_en, label_zh);

create or replace table lake.reference.funnel_thresholds as
select * from (values
    ('order_to_cash', 'paid', 0.88::decimal(6, 4), 0.80::decimal(6, 4), 1, date '2020-01-01'),
    ('order_to_cash', 'shipped', 0.95, 0.90, 1, date '2020-01-01'),
    ('order_to_cash', 'delivered', 0.98, 0.94, 1, date '2020-01-01'),
    ('order_to_cash', 'kept', 0.85, 0.75, 1, date '2020-01-01'),
    ('placed_kept', 'kept', 0.90, 0.80, 1, date '2020-01-01')
) as t (funnel, step_name, green_from, amber_from, version, valid_from);

create or replace table lake.reference.rfm_segments as
select * from (values
    ('champions', 'Champions', '重要价值客户', 'Bought lately, often and for much', '最近买过，买得多，金额高'),
    ('loyal', 'Loyal', '忠诚客户', 'Buy often', '经常购买'),
    ('promising', 'Promising', '潜力客户', 'Bought lately, not yet often', '最近买过，次数不多'),
    ('at_risk', 'At risk', '流失风险客户', 'Bought often, but not lately', '曾经常买，最近没有'),
    ('lost', 'Lost', '已流失客户', 'Bought long ago and seldom', '很久以前买过，次数少')
) as t (segment, label_en, label_zh, description_en, description_zh);

create or replace table lake.marts.dim_channels as
select * from (values
    ('fourflow_demo', 'taobao', 'tmall_flagship', 'Tmall flagship store', '天猫旗舰店', 'CNY', true, true, 'parcel'),
    ('fourflow_demo', 'douyin', 'douyin_live', 'Douyin live', '抖音直播', 'CNY', true, true, 'parcel'),
    ('fourflow_demo', 'sandbox', 'store_pos', 'Store', '门店', 'CNY', true, true, 'counter'),
    ('online_retail', 'online_retail', '-', 'Online shop', '网店', 'GBP', true, true, 'unreported')
) as t (business, source, channel, label_en, label_zh, currency_code, is_listed, has_orders, fulfilment);

create or replace table lake.marts.dim_sources as
select * from (values
    ('taobao', 'fourflow_demo', 'Taobao', '淘宝', 'Demo retailer', '演示零售商'),
    ('douyin', 'fourflow_demo', 'Douyin', '抖音', 'Demo retailer', '演示零售商'),
    ('sandbox', 'fourflow_demo', 'Warehouse and till files', '仓库与收银文件', 'Demo retailer', '演示零售商'),
    ('online_retail', 'online_retail', 'Online Retail', 'Online Retail 网店', 'Online Retail', 'Online Retail 网店')
) as t (source, business, label_en, label_zh, business_label_en, business_label_zh);

create or replace table lake.reports.rpt_channel_daily as
with daily as (
    select
        business, channel, cohort_date as business_date, currency_code,
        count(*) as order_count,
        count(*) filter (where is_paid) as paid_order_count,
        sum(unit_count)::decimal(18, 2) as unit_count,
        sum(gross_amount)::decimal(18, 2) as gross_amount,
        (coalesce(sum(gross_amount) filter (where is_paid), 0) - sum(refunded))::decimal(18, 2)
            as net_paid_amount,
        sum(refunded)::decimal(18, 2) as refunded_amount,
        count(distinct buyer) as customer_count
    from made_orders group by all
)
select
    *,
    case when count(*) over earlier >= 2
        then median(order_count) over earlier end::decimal(18, 2) as expected_order_count,
    true as is_complete_day
from daily
window earlier as (
    partition by business, channel, dayofweek(business_date) order by business_date
    rows between 4 preceding and 1 preceding
);

create or replace table lake.reports.rpt_funnel_orders as
select
    source || ':' || order_no as order_key, order_no, business, source, channel, funnel, cohort_date,
    source || ':' || channel || ':' || buyer as customer_key,
    case when last_step_number = 1 then 'created' when next_outcome = 'complete' then 'completed'
        else 'shipped' end as order_status,
    case when refunded > 0 then 'refunded' else 'none' end as refund_status,
    gross_amount::decimal(18, 2) as gross_amount,
    (case when is_paid then gross_amount else 0 end - refunded)::decimal(18, 2) as net_paid_amount,
    currency_code, created_at, last_step_number, last_step_name, next_outcome
from made_orders;

create or replace table lake.reports.rpt_funnel_daily as
with steps as (
    select funnel, step_number, step_name, step_kind from lake.reference.funnel_steps
)
select
    o.business, o.channel, o.funnel, o.cohort_date, s.step_number, s.step_name, s.step_kind,
    count(*) filter (where case when s.step_kind = 'step' then o.last_step_number >= s.step_number
        else o.refund_status = 'refunded' end) as reached_count,
    count(*) filter (where s.step_kind = 'step' and o.last_step_number = s.step_number - 1
        and o.next_outcome = 'open') as open_count,
    count(*) filter (where s.step_kind = 'step' and o.last_step_number = s.step_number - 1
        and o.next_outcome = 'dropped') as dropped_count,
    coalesce(sum(o.gross_amount) filter (where case when s.step_kind = 'step'
        then o.last_step_number >= s.step_number else o.refund_status = 'refunded' end), 0)
        ::decimal(18, 2) as reached_amount,
    coalesce(sum(o.gross_amount) filter (where s.step_kind = 'step'
        and o.last_step_number = s.step_number - 1 and o.next_outcome = 'open'), 0)
        ::decimal(18, 2) as open_amount,
    coalesce(sum(o.gross_amount) filter (where s.step_kind = 'step'
        and o.last_step_number = s.step_number - 1 and o.next_outcome = 'dropped'), 0)
        ::decimal(18, 2) as dropped_amount,
    o.currency_code
from lake.reports.rpt_funnel_orders as o
join steps as s on s.funnel = o.funnel
group by all;

create or replace table lake.marts.dim_customers as
with customers as (
    select
        source || ':' || channel || ':' || buyer as customer_key, business, source, channel, currency_code,
        min(created_at) as first_order_at, max(created_at) as last_order_at,
        min(case business when 'fourflow_demo' then date '2026-11-20' else date '2011-12-09' end
            - cohort_date::date)::int as rfm_recency,
        count(*)::int as rfm_frequency,
        (sum(case when is_paid then gross_amount else 0 end) - sum(refunded))::decimal(18, 2)
            as rfm_monetary
    from made_orders group by all
),
scored as (
    select
        *,
        ntile(5) over (partition by business order by rfm_recency desc)::int as rfm_recency_score,
        ntile(5) over (partition by business order by rfm_frequency)::int as rfm_frequency_score,
        ntile(5) over (partition by business order by rfm_monetary)::int as rfm_monetary_score
    from customers
)
select
    *,
    case
        when rfm_recency_score >= 4 and rfm_frequency_score >= 4 then 'champions'
        when rfm_frequency_score >= 4 and rfm_recency_score >= 3 then 'loyal'
        when rfm_recency_score >= 4 then 'promising'
        when rfm_frequency_score >= 3 then 'at_risk'
        else 'lost'
    end as rfm_segment,
    null::varchar as phone_token, '浙江省' as province, null::timestamptz as registered_at
from scored;

-- Of each business the first two accounts are one person, the third and fourth share a phone.
create or replace table lake.marts.person_accounts as
with numbered as (
    select
        customer_key, business,
        row_number() over (partition by business order by customer_key) as number,
        first_value(customer_key) over (partition by business order by customer_key) as first_key
    from lake.marts.dim_customers
)
select
    customer_key, business, case when number = 2 then first_key else customer_key end as person_key,
    number != 2 as is_first_account,
    case when number <= 2 then 'phone_and_name' end as linked_by,
    case when number <= 2 then 0.999::decimal(9, 8) end as match_probability,
    case when number <= 2 then 'N1' else 'N' || number end as name_token,
    case when number <= 4 then 'P' || (number + 1) // 2 end as phone_token,
    null::varchar as email_token
from numbered;

create or replace table lake.marts.fct_identity_links as
select
    business, person_key as customer_key_a, customer_key as customer_key_b, linked_by as rule,
    'exact' as method, match_probability, 'phone, name: same' as evidence, true as is_used,
    null::varchar as refused_because
from lake.marts.person_accounts where not is_first_account;

create or replace table lake.reports.rpt_identity_conflicts as
select
    business, 'shared_identifier' as conflict_type, min(customer_key) as customer_key_a,
    max(customer_key) as customer_key_b, 'phone' as rule, 'several_names' as reason,
    null::decimal(9, 8) as match_probability, '2 people' as evidence
from lake.marts.person_accounts where phone_token = 'P2' group by business;

create or replace table lake.reference.identity_rules as
select 'phone_and_name' as rule, 'same phone number and name' as label_en, '手机号与姓名相同' as label_zh;

create or replace table lake.reports.rpt_rfm_segments as
select
    business, rfm_segment, count(*) as customer_count,
    sum(rfm_monetary)::decimal(18, 2) as monetary_amount, currency_code,
    rfm_recency_score as recency_score, rfm_frequency_score as frequency_score
from lake.marts.dim_customers group by all;

create or replace table lake.marts.quarantined_records as
select * from (values
    ('sandbox', 'orders', 'aaaa:17', 'load-1', 'total_amount holds ''12,3x'', which is not an amount; correct it and replay.', '{"订单编号": "T-17", "总金额": "12,3x"}', null::decimal(18, 2), timestamptz '2026-11-20 18:00:00+00'),
    ('sandbox', 'orders', 'aaaa:18', 'load-1', 'created_at is empty; every order needs it.', '{"order_no": "T-18"}', 88.00, timestamptz '2026-11-20 18:00:00+00'),
    ('online_retail', 'order_lines', 'bbbb:3', 'load-1', 'invoice_no is empty; every line needs it.', '{"InvoiceNo": null}', 3.20, timestamptz '2026-11-20 18:00:00+00')
) as t (source, entity, source_id, load_id, reason, payload, amount, received_at);
alter table lake.marts.quarantined_records add column file_name varchar;
alter table lake.marts.quarantined_records add column resolution varchar;

create or replace table lake.reports.rpt_quarantine_reasons as
select source, entity, regexp_replace(reason, 'holds ''.*?'', ', 'holds a value, ', 'g') as reason, count(*) as record_count, sum(amount)::decimal(18, 2) as amount
from lake.marts.quarantined_records group by source, entity, 3;

create or replace table lake.reports.rpt_unmapped_values as
select * from (values
    ('order_status_map', 'taobao', 'tmall_flagship', 'TRADE_MYSTERY', 7,
        timestamptz '2026-11-18 02:00:00+00', timestamptz '2026-11-20 18:00:00+00'),
    ('products', 'sandbox', '', 'SKU-NEVER-TOLD', 2,
        timestamptz '2026-11-20 18:00:00+00', timestamptz '2026-11-20 18:00:00+00')
) as t (mapping, source, place, source_value, row_count, first_known_at, last_known_at);

create or replace table lake.reports.rpt_source_quality as
select
    t.*, source = 'taobao' and quality_check = 'mapped_values'
    or source = 'sandbox' and quality_check = 'readable_records' as is_weakest,
    timestamptz '2026-11-20 18:00:00+00' as last_received_at
from (values
    ('sandbox', 'fourflow_demo', 'completeness', 'required_values', 3000, 2999),
    ('sandbox', 'fourflow_demo', 'validity', 'readable_records', 2999, 2998),
    ('sandbox', 'fourflow_demo', 'timeliness', 'new_records', 93600, 93600),
    ('taobao', 'fourflow_demo', 'validity', 'mapped_values', 100, 93),
    ('taobao', 'fourflow_demo', 'validity', 'readable_records', 100, 100),
    ('taobao', 'fourflow_demo', 'timeliness', 'new_records', 100000, 93600)
) as t (source, business, quality_dimension, quality_check, judged_count, passed_count);

create or replace table lake.reports.rpt_status_lag as
select * from (values
    ('fourflow_demo', 'sandbox', 'sale', 'shipped', 5, 10, 8, 1, 93600, 600, 2130, 2400, 155760),
    ('fourflow_demo', 'taobao', 'sale', 'paid', 0, 40, 40, 0, 93600, 60, 120, 900, 1800),
    ('fourflow_demo', 'taobao', 'parcel', 'delivered', 7, 0, 0, 0, 93600, null, null, null, null)
) as t (
    business, source, document_type, to_status, history_count, change_count, visible_count,
    late_count, limit_seconds, known_seconds_p50, known_seconds_p95, visible_seconds_p50,
    visible_seconds_p95
);

create or replace table lake.reports.rpt_conservation as
select
    source, case source when 'online_retail' then 'order_lines' else 'orders' end as entity,
    'load-1' as load_id, count(*) + 5 as received, count(*) as used, 3 as duplicates,
    2 as quarantined, 0 as superseded, timestamptz '2026-11-20 18:00:00+00' as received_at
from made_orders group by source;

create or replace table lake.reference.conservation_flows as
select * from (values
    ('records_received', 1, 'Records received', '收到的记录', 'received', '收到', 'used', '已使用'),
    ('payout_bank', 9, 'Payouts to the bank', '提现与银行', 'payouts', '提现', 'bank', '银行流水')
) as t (
    flow, flow_number, label_en, label_zh, left_label_en, left_label_zh, right_label_en,
    right_label_zh
);

create or replace table lake.reference.residual_buckets as
select * from (values
    ('matched', 1, 'matched', '已匹配'), ('timing', 3, 'on its way', '在途'),
    ('unknown', 8, 'unknown', '未知')
) as t (residual_bucket, bucket_number, label_en, label_zh)
cross join (values ('team:finance-data')) as o (owner);

create or replace table lake.reports.rpt_conservation_flows as
select
    business, flow, unit, left_quantity::decimal(18, 6) as left_quantity,
    right_quantity::decimal(18, 6) as right_quantity,
    (left_quantity - right_quantity)::decimal(18, 6) as difference, bucket,
    (case bucket when 'unknown' then left_quantity - right_quantity else 0 end)::decimal(18, 6)
        as unexplained_quantity,
    0.5::decimal(18, 6) as tolerance, owner
from (values
    ('fourflow_demo', 'records_received', 'row', 1400, 1400, 'used', 'team:data-platform'),
    ('fourflow_demo', 'records_received', 'row', 15, 0, 'duplicate', 'team:data-platform'),
    ('fourflow_demo', 'payout_bank', 'CNY', 99000, 99000, 'matched', 'team:finance-data'),
    ('fourflow_demo', 'payout_bank', 'CNY', 1500.50, 0, 'timing', 'team:finance-data'),
    ('fourflow_demo', 'payout_bank', 'CNY', 0, 0.66, 'unknown', 'team:finance-data'),
    ('online_retail', 'records_received', 'row', 400, 400, 'used', 'team:data-platform')
) as t (business, flow, unit, left_quantity, right_quantity, bucket, owner);

create or replace table lake.reports.rpt_source_freshness as
select
    source, case source when 'online_retail' then 'order_lines' else 'orders' end as entity,
    count(*) as record_count, 1 as load_count, 70 as file_count,
    timestamptz '2026-11-20 18:00:00+00' as last_received_at, max(created_at) as last_event_at
from made_orders group by source;

-- What metrics and the shipped rules read: a few large orders, one product below its reorder point.
create or replace table lake.marts.fct_orders as
select
    placed.order_key, placed.business, placed.source, placed.channel, placed.order_no,
    'sale' as order_type,
    case placed.channel when 'store_pos' then 'staff' else 'shop' end as entry_path,
    placed.customer_key,
    -- One of the large orders is still on its way, so that a rule hit can be answered.
    case placed.order_no when 'T2611200009' then 'shipped' else placed.order_status end
        as order_status,
    placed.refund_status,
    case when made.is_paid then made.created_at end as paid_at,
    placed.cohort_date as created_on,
    placed.gross_amount * 20 as gross_amount,
    (case when made.is_paid then made.gross_amount else 0 end)::decimal(18, 2) as paid_amount,
    made.refunded::decimal(18, 2) as refunded_amount,
    placed.net_paid_amount, made.unit_count::bigint as unit_count,
    placed.currency_code, placed.created_at,
    null::timestamptz as shipped_at, null::timestamptz as delivered_at,
    timestamptz '2026-11-20 18:00:00+00' as known_at
from lake.reports.rpt_funnel_orders as placed
inner join made_orders as made
    on placed.order_key = made.source || ':' || made.order_no;

-- The records of the order whose life is told: its state was another in the file of the day before.
create schema if not exists lake.intermediate;

create or replace table lake.intermediate.int_douyin__orders_classified as
select
    told.source_id, 'load-1' as load_id, told.file_name, told.record_number,
    timestamptz '2026-11-20 18:00:00+00' + to_days(told.version) as received_at,
    told.version = 1 as is_current, 'used' as disposition, orders.order_no, orders.channel as account,
    told.status as order_status, orders.gross_amount as payment
from lake.marts.fct_orders as orders
cross join (values
    ('aaaa:4', 'orders/1.csv', 4, 0, 'NEW'), ('bbbb:9', 'orders/2.csv', 9, 1, 'DONE')
) as told (source_id, file_name, record_number, version, status)
where orders.order_no = 'D2611150000';

create schema if not exists lake.ml;

create or replace table lake.ml.replenishment_positions as
select * from (values
    ('fourflow_demo', 'wh_east', 'SKU-0007', date '2026-11-20', 12, 4, 24, 32, 7,
        63.0::double, 18.0::double, 81.0::double, 24, 72, 19.90::decimal(18, 6),
        1432.80::decimal(18, 2), 'CNY', date '2026-11-20', 7, 0.0::double, 0, 0, 24,
        'forecast 63 ± 18 over 14 days, on hand 12, reserved 4, on order 24, minimum 24 → 72',
        '14 天预测 63 ± 18，在手 12，预留 4，在途 24，起订量 24 → 72')
) as t (
    business, site, sku, business_date, on_hand, reserved, inbound, stock_position, lead_time_days,
    expected_lead_time_demand, safety_stock, reorder_point, pack_size, suggested_quantity,
    unit_cost, suggested_amount, currency_code, origin_date, review_period_days,
    expected_review_demand, proposed, transfer_in, minimum_order_quantity, explanation_en,
    explanation_zh
)
;

-- The life of an order: it was paid, sent and told differently by the bank.
create or replace table lake.marts.fct_order_events as
select
    order_key, event, actor, source, reference, order_status, event_at,
    event_at + interval 1 hour as known_at, 3600::bigint as seconds_to_known
from (
    select order_key, 'created' as event, 'buyer' as actor, source, null::varchar as reference,
        null::varchar as order_status, created_at as event_at
    from lake.marts.fct_orders
    union all
    select order_key, 'paid', 'buyer', source, 'P-1', 'paid', paid_at + interval 90 minute
    from lake.marts.fct_orders where paid_at is not null
);

create or replace table lake.marts.fct_order_cash_flows as
select
    'fee:' || order_key as cash_flow_key, order_key, business, source, channel, 'fee' as flow_type,
    -0.60::decimal(18, 6) as amount, currency_code, paid_at as moved_at, created_on as event_on,
    created_on as ordered_on, known_at
from lake.marts.fct_orders where paid_at is not null;

create or replace table lake.marts.fct_order_milestones as
select order_key, source, paid_at as allocated_at, paid_at + interval 9 day as settled_at
from lake.marts.fct_orders;

create or replace table lake.reference.sop_steps as
select * from (values
    ('payment', '*', 'customer', 'Payment', '付款'), ('shipping', '*', 'warehouse', 'Shipping', '发货')
) as t (stage, channel, department, label_en, label_zh);

create or replace table lake.marts.fct_order_stages as
select
    order_key, business, channel, 'shipping' as stage, 'warehouse' as department,
    case when order_status = 'paid' then 'running' else 'done' end as stage_status,
    created_at as entered_at, null::timestamptz as left_at, 93600::bigint as dwell_seconds,
    43200::bigint as working_seconds, created_at + interval 1 day as due_at,
    order_status = 'paid' as is_breached, -7200::bigint as seconds_to_breach
from lake.marts.fct_orders where paid_at is not null;

create or replace table lake.reference.process_activities as
select * from (values
    ('created', 'ordered', 1, 'Ordered', '下单'), ('paid', 'paid', 2, 'Paid', '付款'),
    ('shipped', 'shipped', 6, 'Shipped', '发货'), ('settled', 'settled', 11, 'Settled', '到账')
) as t (event, activity, place, label_en, label_zh);

create or replace table lake.marts.fct_order_paths as
select
    order_key, business, source, channel, order_type, created_on as began_on,
    paid_at is null as is_running, true as is_conformant, 0::bigint as rework_count,
    gross_amount, currency_code
from lake.marts.fct_orders where order_type = 'sale';

create or replace table lake.reports.rpt_process_steps as
select
    business, channel, order_type, unnest(['start', 'ordered', 'shipped']) as previous_activity,
    unnest(['ordered', 'paid', 'paid']) as activity,
    unnest(['sop', 'sop', 'deviation']) as step_kind, count(*) as step_count,
    count(*) as order_count, unnest([null, 3600, 7200])::bigint as waited_seconds_p50,
    unnest([null, 7200, 9000])::bigint as waited_seconds_p90
from lake.marts.fct_order_paths group by business, channel, order_type;

create or replace table lake.reports.rpt_process_variants as
select
    business, channel, order_type, 'ordered > paid > shipped' as order_path, currency_code,
    true as is_conformant, 3::bigint as activity_count, 0::bigint as rework_count,
    0::bigint as deviation_count, 0::bigint as repeated_count, count(*) as order_count,
    count(*) filter (where is_running) as running_count,
    sum(gross_amount)::decimal(18, 2) as gross_amount, 3600::bigint as path_seconds_p50,
    7200::bigint as path_seconds_p90
from lake.marts.fct_order_paths group by business, channel, order_type, currency_code
union all
select
    business, channel, order_type, 'ordered > shipped > paid', currency_code, false, 3, 0, 2, 0, 1,
    0, 9.90, 3600, 3600
from lake.marts.fct_order_paths group by business, channel, order_type, currency_code;

create or replace table lake.reports.rpt_stage_dwell as
select
    business, channel, stage, department, count(*) as entered_count,
    count(*) filter (where is_breached) as breached_count,
    count(*) filter (where is_breached and stage_status = 'running') as running_breached_count,
    93600::bigint as dwell_seconds_p50, 180000::bigint as dwell_seconds_p90,
    190000::bigint as dwell_seconds_p95, 43200::bigint as working_seconds_p50,
    80000::bigint as working_seconds_p90, null::bigint as working_seconds_p95
from lake.marts.fct_order_stages group by all;

create or replace table lake.reports.rpt_order_disagreements as
select
    order_key, business, 'money_differs' as disagreement, 'order' as flow, 'cash' as other_flow,
    'unknown' as detail, created_at as found_at, 0.66::decimal(18, 6) as amount, currency_code
from lake.marts.fct_orders where order_no like 'D%0000';

create or replace table lake.reports.rpt_reconciliation as
select
    business, 'payout_bank' as comparison, 'payout' as item_type, channel, source as provider,
    created_on as business_date, case when order_no like 'D%0000' then 'unknown' else 'matched' end
        as residual_bucket,
    currency_code, count(*) as item_count, sum(gross_amount)::decimal(18, 6) as recorded_amount,
    sum(gross_amount)::decimal(18, 6) as reported_amount, 0::decimal(18, 6) as difference_amount,
    0::decimal(18, 6) as absolute_difference_amount
from lake.marts.fct_orders group by all;

create or replace table lake.marts.fct_reconciliation_items as
select
    order_key as reconciliation_item_key, business, 'payout_bank' as comparison,
    'payout' as item_type, source as provider, channel, order_key, created_on as item_on,
    order_no as recorded_key, order_no as reported_key, 'exact' as match_rule,
    1.00::decimal(5, 2) as match_score, 'same number' as match_evidence,
    gross_amount::decimal(18, 6) as recorded_amount, gross_amount::decimal(18, 6) as reported_amount,
    0::decimal(18, 6) as difference_amount,
    case when order_no like 'D%0000' then 'unknown' else 'matched' end as residual_bucket,
    currency_code
from lake.marts.fct_orders;

create or replace table lake.reference.journey_funnels as
select 'order_to_settled' as funnel, 'From order to settlement' as label_en, '从下单到结算' as label_zh;

create or replace table lake.reference.journey_steps as
select * from (values
    ('order_to_settled', '*', 1, 'ordered', null::int, 'Ordered', '下单'),
    ('order_to_settled', '*', 2, 'paid', 24, 'Paid', '付款')
) as t (funnel, channel, step_number, step_name, window_hours, label_en, label_zh);

create or replace table lake.reports.rpt_journey_funnel_daily as
select
    business, 'order_to_settled' as funnel, channel, created_on as cohort_date, '*' as product_line,
    '*' as region, '*' as campaign, 'new' as customer_type, currency_code, step.number as step_number,
    step.name as step_name, false as is_optional,
    count(*) filter (where step.number = 1 or paid_at is not null) as reached_count,
    0::bigint as skipped_count, 0::bigint as open_count,
    count(*) filter (where step.number = 2 and paid_at is null) as dropped_count,
    sum(gross_amount)::decimal(18, 2) as reached_amount, 0::decimal(18, 2) as open_amount,
    0::decimal(18, 2) as dropped_amount
from lake.marts.fct_orders
cross join (values (1, 'ordered'), (2, 'paid')) as step (number, name)
group by all;

create or replace table lake.reports.rpt_journey_step_times as
select distinct
    business, funnel, channel, step_number, step_name, 5::bigint as reached_count,
    312::bigint as seconds_p50, 2700::bigint as seconds_p90
from lake.reports.rpt_journey_funnel_daily where step_number > 1;

create or replace table lake.reports.rpt_rfm_movements as
select business, date '2026-11-20' as as_of_date, date '2026-10-31' as previous_date, from_segment,
    to_segment, person_count
from (values ('fourflow_demo', 'loyal', 'champions', 12), ('fourflow_demo', 'loyal', 'loyal', 40))
    as t (business, from_segment, to_segment, person_count);

create or replace table lake.marts.fct_person_segments as
select business, customer_key as person_key, rfm_segment, true as is_current, date '2026-11-20' as as_of_date
from lake.marts.dim_customers;

create or replace table lake.ml.customer_values as
select
    business, customer_key as person_key, channel, currency_code, rfm_frequency::bigint - 1 as frequency,
    10::bigint as recency_days, 10::bigint + rfm_recency as age_days, 120.00::decimal(18, 2) as mean_amount,
    if(rfm_recency > 30, 0.5, 1.0)::double as probability_alive,
    0.25::double as purchase_probability, rfm_frequency / 2.0 as expected_purchases,
    240.00::decimal(18, 2) as expected_amount, (120.00 * rfm_frequency)::decimal(18, 2) as expected_value,
    date '2026-11-20' as as_of_date, 90 as horizon_days, 'mix' as method, 'customer-value-1' as model_version,
    timestamptz '2026-11-20 18:00:00+00' as scored_at
from lake.marts.dim_customers where business = 'fourflow_demo';

create or replace table lake.ml.customer_value_evaluations as
select 'customer_value' as model, 'fourflow_demo' as business, 'CNY' as currency_code, *,
    timestamptz '2026-11-01 00:00:00+00' as window_start, timestamptz '2026-11-21 00:00:00+00' as window_end,
    450::bigint as row_count, 'customer-value-1' as model_version,
    timestamptz '2026-11-20 18:00:00+00' as evaluated_at
from (values
    ('purchases_rmse', 0.91::double, 'pace_so_far', 1.2::double),
    ('best_tenth_share', 0.31, 'amount_so_far', 0.28)
) as t (metric, value, baseline_name, baseline_value);

create or replace table lake.marts.fct_basket_pairs as
select 'fourflow_demo' as business, * from (values
    ('category', 'toys', 'diapers', 30::bigint, 60::bigint, 50::bigint, 1000::bigint),
    ('category', 'diapers', 'toys', 30, 50, 60, 1000),
    ('category', 'shoes', 'toys', 9, 20, 60, 1000),
    ('category', 'toys', 'shoes', 9, 60, 20, 1000),
    ('sku', 'SKU-0007', 'SKU-0009', 6, 40, 30, 1000),
    ('sku', 'SKU-0009', 'SKU-0007', 6, 30, 40, 1000)
) as t (item_type, antecedent_item, consequent_item, pair_count, antecedent_count, consequent_count, basket_count);

create or replace table lake.marts.fct_product_sequences as
select 'fourflow_demo' as business, * from (values
    ('category', 'diapers', 'diapers', 50::bigint, 40::bigint, 80::bigint, 60::bigint, 100::bigint, 500::bigint, 500::bigint),
    ('category', 'formula', 'diapers', 30, 24, 50, 40, 100, 500, 360),
    ('category', 'shoes', 'toys', 8, 0, 40, 0, 90, 500, 80)
) as t (
    item_type, antecedent_item, consequent_item, follower_count, matured_follower_count, buyer_count,
    matured_buyer_count, consequent_buyer_count, person_count, total_lag_days
);

create or replace table lake.marts.fct_related_offers as
select 'fourflow_demo' as business, 'sku' as item_type, customer_key as person_key
from lake.marts.dim_customers where business = 'fourflow_demo' and rfm_segment = 'champions';

create or replace table lake.marts.fct_customer_cohorts as
select 'fourflow_demo' as business, 'web' as first_channel, 'CNY' as currency_code, cohort_month,
    months_since, true as is_complete, 100 as cohort_person_count,
    100 - 30 * months_since as active_person_count, 900.00::decimal(18, 2) as cumulative_net_amount
from (values (date '2026-09-01', 0), (date '2026-09-01', 1), (date '2026-10-01', 0))
    as t (cohort_month, months_since)
;

create or replace table lake.reports.rpt_stock_matrix as
select *, available_to_sell::decimal(18, 6) as available_to_promise, null::date as first_available_on,
    null::date as next_arrival_on
from (values
    ('fourflow_demo', 'SKU-0007', 'wh_east', 'Diapers', 'baby', date '2026-11-20', 12, 4, 0, 24, 8,
        159.20::decimal(18, 2), 'CNY', 56.0::decimal(18, 6), 0, 0, 'short', 4.0::decimal(18, 1)),
    ('fourflow_demo', 'SKU-0008', 'wh_east', 'Formula', 'baby', date '2026-11-20', 90, 10, 5, 0, 75,
        9000.00::decimal(18, 2), 'CNY', 28, 0, 45, 'surplus', 75.0),
    ('fourflow_demo', 'SKU-0008', 'store_pos', 'Formula', 'baby', date '2026-11-20', 3, 0, 0, 0, 3,
        300.00::decimal(18, 2), 'CNY', 28, 4, 0, 'short', 3.0),
    ('fourflow_demo', 'SKU-0009', 'wh_east', 'Stroller', 'travel_gear', date '2026-11-20', 1, 3, 0, 0, -2,
        900.00::decimal(18, 2), 'CNY', 4, 1, 0, 'oversold', -14.0),
    ('online_retail', '85123A', '-', 'T-light holder', 'unknown', date '2011-12-09', 40, 0, 0, 0, 40,
        102.00::decimal(18, 2), 'GBP', 0, 0, 40, 'idle', null)
) as t (
    business, sku, site, name, category, counted_on, on_hand, reserved, outbound, inbound,
    available_to_sell, stock_value, currency_code, sold_quantity, short_quantity, surplus_quantity,
    stock_state, cover_days
);

create or replace table lake.marts.dim_sites as
select * from (values
    ('fourflow_demo', 'wh_east', '东部仓 East'), ('fourflow_demo', 'store_pos', '门店 Store')
) as t (business, site, name);

create or replace table lake.reference.stock_age_buckets as
select * from (values
    ('0-30', 0, 30, '0 to 30 days', '0–30 天'), ('91-180', 91, 180, '91 to 180 days', '91–180 天')
) as t (age_bucket, from_days, to_days, label_en, label_zh);

create or replace table lake.reports.rpt_stock_ageing as
select * from (values
    ('fourflow_demo', 'wh_east', 'baby', '0-30', 'CNY', 60.0, 0.0, 0.0, 6000.00, 0.00),
    ('fourflow_demo', 'wh_east', 'baby', '91-180', 'CNY', 42.0, 12.0, 0.0, 3159.20, 947.76),
    ('fourflow_demo', 'store_pos', 'baby', '0-30', 'CNY', 3.0, 0.0, 0.0, 300.00, 0.00)
) as t (
    business, site, category, age_bucket, currency_code, quantity, quantity_of_unknown_age,
    quantity_without_cost, stock_value, value_at_risk
);

create or replace table lake.reports.rpt_inventory_daily as
select
    'fourflow_demo' as business, site, 'baby' as category, day::date as business_date,
    2::bigint as sku_count, case when dayofweek(day) = 1 then 1 else 0 end::bigint as stock_out_sku_count,
    3::bigint as demanded_line_count,
    case when dayofweek(day) = 1 then 1 else 0 end::bigint as short_line_count
from generate_series(timestamp '2026-10-20', timestamp '2026-11-20', interval 1 day) as d (day)
cross join (values ('wh_east'), ('store_pos')) as s (site);

create or replace table lake.marts.fct_stock_outs as
select
    business, site, 'SKU-0009' as sku, business_date, stock_out_sku_count > 0 as is_out_of_stock,
    demanded_line_count, demanded_line_count as demanded_quantity
from lake.reports.rpt_inventory_daily;

create or replace table lake.marts.fct_oversells as
select * from (values
    ('o1', 'fourflow_demo', 'wh_east', 'SKU-0009', date '2026-11-19', date '2026-11-20', true, 2, 2, 1, 3, 4,
        'shared_pool'),
    ('o2', 'fourflow_demo', 'store_pos', 'SKU-0008', date '2026-11-02', date '2026-11-02', false, 1, 1, 1, 1, 2,
        'stock_count')
) as t (
    oversell_key, business, site, sku, started_on, last_on, is_open, day_count,
    most_oversold_quantity, last_oversold_quantity, channel_count, sold_quantity, cause
);

create or replace table lake.reports.rpt_stock_transfers as
select * from (values
    ('fourflow_demo', 'SKU-0008', 'wh_east', 'store_pos', 4, 45, 28.0, 4, 28.0)
) as t (
    business, sku, from_site, to_site, transfer_quantity, surplus_quantity, from_sold_quantity,
    short_quantity, to_sold_quantity
);

create or replace table lake.marts.fct_daily_demand as
select 'fourflow_demo' as business, 'SKU-0007' as sku, day::date as business_date,
    (2 + dayofweek(day) % 3)::bigint as quantity, 1::bigint as order_count
from generate_series(timestamp '2026-10-20', timestamp '2026-11-20', interval 1 day) as d (day);

create or replace table lake.ml.demand_forecasts as
select 'fourflow_demo' as business, 'SKU-0007' as sku, date '2026-11-20' as origin_date,
    date '2026-11-20' + day::int as forecast_date, day::int as horizon_days, 4.5::double as expected_quantity,
    2.0::double as lower_quantity, 8.0::double as upper_quantity, 'moving_average_28' as method,
    'demand-1' as model_version
from generate_series(1, 28) as d (day);

create or replace table lake.ml.demand_evaluations as
select 'demand' as model, 'fourflow_demo' as business, *,
    timestamptz '2026-10-23 00:00:00+00' as window_start,
    timestamptz '2026-11-20 00:00:00+00' as window_end, 28::bigint as row_count
from (values
    ('wape', 0.62::double, 'seasonal_naive', 0.71::double),
    ('interval_coverage', 0.83, 'promised_share', 0.8)
) as t (metric, value, baseline_name, baseline_value);

create or replace table lake.ml.demand_backtest as
select 'fourflow_demo' as business, 'chosen' as method, date '2026-10-23' as origin_date,
    28 as horizon_days, 1 as series_count, 84.0::double as actual_quantity,
    52.0::double as absolute_error, 6.0::double as bias_quantity;

create or replace table lake.reference.carriers as
select * from (values ('sf', 'SF Express', '顺丰速运'), ('yto', 'YTO Express', '圆通速递'))
    as t (carrier, label_en, label_zh);

create or replace table lake.reports.rpt_stuck_parcels as
select
    order_key || ':p' as parcel_performance_key, order_key, 'P' || order_no as parcel_no, business,
    channel, 'sf' as carrier, 'wh_east' as site, '浙江省' as province, 'in_transit' as stage,
    order_no like '%0000' as is_stuck, 'overdue' as outcome,
    timestamptz '2026-11-18 03:00:00+00' as last_seen_at, 3000::bigint as unseen_minutes,
    timestamptz '2026-11-19 16:00:00+00' as promised_at, 1440::bigint as late_minutes,
    net_paid_amount, currency_code
from lake.marts.fct_orders where channel = 'tmall_flagship' and created_on = date '2026-11-16';

-- Of what is promised two parcels will probably be late; what two days' lists were worth: 3 of 4 and 6 of 8 hits.
create or replace table lake.marts.fct_parcel_performance as
select parcel_performance_key, order_key, parcel_no, business, channel, carrier, site, province, promised_at
from lake.reports.rpt_stuck_parcels;

create or replace table lake.ml.order_risk_scores as
select
    business, 'late_delivery' as risk, order_key, parcel_no,
    (0.9 - 0.1 * row_number() over (order by parcel_no))::double as risk_score,
    row_number() over (order by parcel_no) <= 2 as is_above_threshold,
    'lane_often_late' as top_reasons, 'this carrier is often late on this lane' as reasons_en,
    '该承运商在此线路常迟到' as reasons_zh, 0.4::double as challenger_score,
    'late-delivery-1' as model_version, timestamptz '2026-11-20 16:00:00+00' as decided_at,
    timestamptz '2026-11-20 18:00:00+00' as scored_at
from lake.marts.fct_parcel_performance
order by parcel_no
limit 5;

-- One order of the newest day may be fraud, three may stay unpaid, two of them probably; their days as of the parcels.
insert into lake.ml.order_risk_scores by name
select
    business, risk, order_key, risk_score::double as risk_score, risk_score >= 0.5 as is_above_threshold,
    reasons_en, reasons_zh, risk || '-1' as model_version, created_at + interval 4 hours as decided_at
from (
    select business, order_key, created_at, row_number() over (order by order_key) as place
    from lake.marts.fct_orders
    where channel = 'tmall_flagship' and created_on = date '2026-11-20'
)
inner join (values
    (1, 'fraud', 0.95, '4 other customers came to its device lately', '近期另有 4 位客户使用同一设备'),
    (2, 'fraud', 0.05, 'not above the average', '风险不高于平均'),
    (1, 'non_payment', 0.8, 'not paid for 4 h or more', '已超过 4 小时未付款'),
    (2, 'non_payment', 0.6, 'not paid for 4 h or more', '已超过 4 小时未付款'),
    (3, 'non_payment', 0.1, 'not above the average', '风险不高于平均')
) as told (place, risk, risk_score, reasons_en, reasons_zh) using (place);

create or replace table lake.ml.order_risk_days as
select
    'fourflow_demo' as business, risks.risk, days.*, 'late-delivery-1' as model_version,
    'gradient_boosting' as in_use, 'one_column:lane:earlier_rate' as challenger,
    0.2::double as threshold, 2::bigint as challenger_listed_count, 1::bigint as challenger_hit_count,
    3.0::double as challenger_squared_error
from (values
    (date '2026-11-18', 30::bigint, 8::bigint, 8::bigint, 6::bigint, 2.4::double),
    (date '2026-11-19', 20, 5, 4, 3, 1.6)
) as days (answered_on, answered_count, event_count, listed_count, hit_count, squared_error)
cross join (values ('late_delivery'), ('non_payment')) as risks (risk);

create or replace table lake.reports.rpt_carrier_lanes as
select * from (values
    ('fourflow_demo', date '2026-11-01', 'sf', 'standard', '上海市', '浙江省', 40, 40, 36, 3, 1, 2, 38, 60000),
    ('fourflow_demo', date '2026-11-01', 'yto', 'standard', '上海市', '四川省', 20, 20, 12, 7, 1, 1, 18, 70000)
) as t (
    business, shipped_month, carrier, service, origin_province, province, parcel_count,
    judged_count, in_time_count, late_count, overdue_count, stuck_count, delivered_count,
    transit_minutes
);

create or replace table lake.reports.rpt_carrier_comparison as
select * from (values
    ('fourflow_demo', date '2026-11-01', 'sf', 'standard', 'CNY', 40, 36, 60, 54.0, 48.0, 56, 84000.0, 90000.0,
        60, 720.0, 600.0),
    ('fourflow_demo', date '2026-11-01', 'yto', 'standard', 'CNY', 20, 12, 60, 36.0, 48.0, 56, 99000.0, 90000.0,
        60, 480.0, 600.0)
) as t (
    business, shipped_month, carrier, service, currency_code, judged_count, in_time_count,
    standard_judged_count, standard_in_time_count, benchmark_in_time_count,
    standard_delivered_count, standard_transit_minutes, benchmark_transit_minutes,
    standard_priced_count, standard_freight_amount, benchmark_freight_amount
);

create or replace table lake.reports.rpt_fulfilment_costs as
select * from (values
    ('fourflow_demo', date '2026-11-01', 'wh_east', 'sf', 'tmall_flagship', 'CNY', 40, 38, 456.00, 38.00, 19.00,
        513.00, 40, 20.0, 4.0),
    ('fourflow_demo', date '2026-11-01', 'wh_east', 'yto', 'douyin_live', 'CNY', 20, 20, 120.00, 20.00, 10.00,
        150.00, 20, 5.0, 1.0)
) as t (
    business, shipped_month, site, carrier, channel, currency_code, order_count,
    priced_order_count, freight_amount, handling_amount, packaging_amount, fulfilment_amount,
    measured_order_count, kg_co2e, alternative_saving_kg_co2e
);

create or replace table lake.reports.rpt_warehouse_hourly as
select 'fourflow_demo' as business, 'wh_east' as site, date '2026-11-19' as business_date,
    hour::bigint as hour_of_day, 3::bigint as shipped_order_count, 4::bigint as shipped_line_count, 5::bigint as shipped_unit_count,
    1800::bigint as waited_minutes
from generate_series(9, 17) as h (hour);

create or replace table lake.reports.rpt_warehouse_queue as
select 'fourflow_demo' as business, 'wh_east' as site, day::date as business_date,
    7::bigint as waiting_order_count, 9::bigint as waiting_unit_count,
    2::bigint as over_limit_order_count
from generate_series(timestamp '2026-11-10', timestamp '2026-11-20', interval 1 day) as d (day);

create or replace table lake.marts.fct_order_lines as
select
    order_key, 1::bigint as line_no, 'SKU-0007' as sku, gross_amount as line_amount, currency_code,
    business, source, channel, order_type, created_on, true as is_product, unit_count as quantity,
    0::bigint as returned_quantity
from lake.marts.fct_orders where order_no like 'T%';

create or replace table lake.ml.return_risk_scores as
select
    'fourflow_demo' as business, order_key, line_no, null::varchar as customer_key,
    0.62::double as risk_score, order_key like '%0000' as is_above_threshold,
    'reasons' as top_reasons, 'Returned often before' as reasons_en, '此前退货较多' as reasons_zh,
    'return-risk-1' as model_version, timestamptz '2026-11-20 18:00:00+00' as scored_at
from lake.marts.fct_order_lines where order_key like '%T261120%';

create or replace table lake.marts.fct_customer_exposures as
select * from (values
    ('sandbox:b2b:B1', 'fourflow_demo', 'store_pos', 12000.00, 10000.00, -2000.00, true, 9000.00, 3000.00, 0.00, 30, 'CNY'),
    ('sandbox:b2b:B2', 'fourflow_demo', 'store_pos', 1000.00, 10000.00, 9000.00, false, 1000.00, 0.00, 0.00, 30, 'CNY')
) as t (
    customer_key, business, channel, exposure_amount, credit_limit, headroom_amount, is_over_limit,
    open_receivable_amount, open_order_amount, unapplied_amount, payment_terms_days, currency_code
);

create or replace table lake.ml.return_risk_evaluations as
select 'return_risk' as model, 'fourflow_demo' as business, *,
    timestamptz '2026-09-01 00:00:00+00' as window_start,
    timestamptz '2026-10-01 00:00:00+00' as window_end, 800::bigint as row_count,
    'return-risk-1' as model_version
from (values
    ('average_precision', 0.41::double, 'logistic', 0.39::double),
    ('average_precision', 0.41, 'random_split', 0.52), ('ece', 0.012, 'logistic', 0.02)
) as t (metric, value, baseline_name, baseline_value);

create or replace table lake.ml.model_versions as
select 'return_risk' as model, 'fourflow_demo' as business, 'return-risk-1' as model_version,
    'boosting' as learner, 'boosting' as in_use, true as is_promoted, 'It is better.' as reason,
    timestamptz '2026-11-20 18:00:00+00' as registered_at,
    '{"calibration": [{"row_count": 400, "predicted_rate": 0.08, "observed_rate": 0.07}, {"row_count": 400, "predicted_rate": 0.30, "observed_rate": 0.33}], "slices": [{"column": "category", "level": "baby", "row_count": 800, "base_rate": 0.2, "predicted_rate": 0.19, "average_precision": 0.4, "ece": 0.01}], "drift": [{"input": "quantity", "psi": 0.31, "limit": 0.25, "has_drifted": true, "training_rows": 800, "current_rows": 200}, {"input": "score", "psi": 0.04, "limit": 0.25, "has_drifted": false, "training_rows": 400, "current_rows": 200}]}' as report;

-- What a manager looks at: targets, indices, margin, receivables, returns.
create or replace table lake.reference.metric_targets as
select * from (values
    ('order_count', '*', 'growth', 'at_least', 0.0::decimal(9, 4), -0.05::decimal(9, 4)),
    ('payment_rate', '*', 'level', 'at_least', 0.99, 0.98),
    ('payment_rate', 'online_retail', 'level', 'at_least', 0.50, 0.40),
    ('refund_rate', '*', 'level', 'at_most', 0.50, 0.60),
    ('days_sales_outstanding', '*', 'level', 'at_most', 45, 60)
) as t (metric, business, basis, direction, green_from, amber_from)
cross join (values (1, date '2010-01-01')) as v (version, valid_from);

create or replace table lake.reports.rpt_flow_days as
select business, channel, created_on as business_date, name as flow_index,
    count(*)::decimal(18, 6) as judged_count,
    count(*) filter (where order_no not like '%0000')::decimal(18, 6) as passed_count
from lake.marts.fct_orders
cross join (values ('speed'), ('accuracy'), ('stability')) as flow (name)
group by all;

create or replace table lake.reports.rpt_channel_margin_daily as
select
    business, channel, created_on as business_date, currency_code, count(*) as order_count,
    sum(paid_amount)::decimal(18, 6) as gross_amount, 0::decimal(18, 6) as discount_amount,
    -sum(refunded_amount)::decimal(18, 6) as returns_amount,
    -count(*)::decimal(18, 6) as fee_amount, -(2 * count(*))::decimal(18, 6) as freight_amount,
    -count(*)::decimal(18, 6) as handling_amount,
    -(sum(paid_amount) / 2)::decimal(18, 6) as cost_of_goods_amount,
    0::decimal(18, 6) as rebate_amount,
    (sum(paid_amount) / 2 - sum(refunded_amount) - 4 * count(*))::decimal(18, 6) as margin_amount,
    0::decimal(18, 6) as uncosted_amount
from lake.marts.fct_orders where paid_at is not null group by all;

create or replace table lake.marts.fct_price_violations as
select order_key, business, channel, 'SKU-0007' as sku, created_on,
    'below_policy' as violation_type, 2::bigint as quantity, -5.00::decimal(18, 6) as unit_difference,
    currency_code
from lake.marts.fct_orders where order_no like 'D26112%0000';

create or replace table lake.reports.rpt_receivables_ageing as
select 'fourflow_demo' as business, 'distributors' as channel, 'B1' as customer_key, ageing_bucket,
    bucket_number, 'CNY' as currency_code, date '2026-11-20' as as_of_date, 2::bigint as invoice_count,
    open_amount::decimal(18, 2) as open_amount
from (values ('not_due', 1, 900), ('1_to_30', 2, 80), ('over_90', 5, 20))
    as t (ageing_bucket, bucket_number, open_amount);

create or replace table lake.reports.rpt_receivable_months as
select 'fourflow_demo' as business, 'distributors' as channel, 'CNY' as currency_code, month_end,
    days_in_month, invoiced_amount::decimal(18, 2) as invoiced_amount,
    open_amount::decimal(18, 2) as open_amount
from (values (date '2026-09-30', 30, 500, 600), (date '2026-10-31', 31, 620, 1000))
    as t (month_end, days_in_month, invoiced_amount, open_amount);

create or replace table lake.reports.rpt_dso_changes as
select 'fourflow_demo' as business, 'CNY' as currency_code, date '2026-10-31' as month_end, component,
    changed_days::decimal(18, 6) as changed_days
from (values ('mix', 2), ('terms', 3), ('slow_payers', 9), ('disputes', 0)) as t (component, changed_days);

create or replace table lake.reports.rpt_dso_customers as
select 'fourflow_demo' as business, 'CNY' as currency_code, date '2026-10-31' as month_end,
    customer_key, open_amount::decimal(18, 2) as open_amount,
    open_amount_before::decimal(18, 2) as open_amount_before,
    overdue_amount::decimal(18, 2) as overdue_amount, changed_days::decimal(18, 6) as changed_days
from (values ('sandbox:distributors:B0001', 700, 300, 450, 17), ('sandbox:distributors:B0002', 200, 280, 0, -4),
    ('sandbox:distributors:B0003', 100, 20, 0, 1))
    as t (customer_key, open_amount, open_amount_before, overdue_amount, changed_days);

create or replace table lake.marts.fct_rebate_accruals as
select 'fourflow_demo' as business, 'distributors' as channel, customer_key, date '2026-10-01' as period_start,
    invoiced::decimal(18, 2) as invoiced_amount, tier::decimal(18, 2) as tier_amount_from,
    rate::decimal(9, 6) as rebate_rate, 1::bigint as agreement_version,
    accrued::decimal(18, 2) as accrued_amount, 'CNY' as currency_code
from (values ('sandbox:distributors:B0001', 80000, 100000, 0.02, 1600), ('sandbox:distributors:B0001', 40000, 100000, 0.02, 800),
    ('sandbox:distributors:B0002', 60000, 50000, 0.01, 600))
    as t (customer_key, invoiced, tier, rate, accrued);

create or replace table lake.marts.fct_invoiced_twice as
select 'fourflow_demo' as business, 'distributors' as channel, 'CNY' as currency_code,
    120.00::decimal(18, 2) as amount;

create or replace table lake.marts.fct_shipped_not_invoiced as
select 'fourflow_demo' as business, 'distributors' as channel, 'CNY' as currency_code,
    75.00::decimal(18, 2) as gross_amount;

create or replace table lake.reports.rpt_cash_forecast as
select 'fourflow_demo' as business, 'distributors' as channel, 'CNY' as currency_code, forecast_kind,
    expected_week, expected_week < date '2026-11-16' as is_late, date '2026-11-20' as as_of_date,
    1::bigint as item_count, amount::decimal(18, 2) as expected_amount
from (values ('receivable', date '2026-11-02', 100), ('receivable', date '2026-11-23', 700),
    ('receivable', date '2026-11-30', 200), ('payout_bank', date '2026-11-23', 50))
    as t (forecast_kind, expected_week, amount);

create or replace table lake.reference.return_reasons as
select * from (values
    ('wrong_size', 1, 'Wrong size', '尺码不合', 'listing'), ('empty_parcel', 2, 'Empty parcel', '空包', 'unknown')
) as t (reason_code, sort_order, label_en, label_zh, responsible);

create or replace table lake.reports.rpt_returns as
select 'fourflow_demo' as business, 'douyin_live' as channel, date '2026-11-01' as requested_month,
    'refund' as return_type, reason_code, sku, 'baby' as category, 'sup:1' as supplier_key,
    'CNY' as currency_code, requested::bigint as request_count, returned::bigint as return_count,
    returned::bigint as quantity, 300.00::decimal(18, 2) as refund_amount,
    loss::decimal(18, 2) as loss_amount, 0::bigint as uncosted_count
from (values ('wrong_size', 'SKU-0007', 9, 8, 160), ('empty_parcel', 'SKU-0008', 2, 2, 340))
    as t (reason_code, sku, requested, returned, loss);

create or replace table lake.reports.rpt_satisfaction as
select 'fourflow_demo' as business, channel, answered_month::date as answered_month, survey,
    question_code, respondent_kind, delivery, answers::bigint as answer_count,
    rated::bigint as rated_count, satisfied::bigint as satisfied_count,
    recommending::bigint as recommendation_count, promoters::bigint as promoter_count,
    detractors::bigint as detractor_count, unscored::bigint as unscored_count
from (values
    ('douyin_live', '2026-10-01', 'after_delivery', 'satisfaction', 'customer', 'on_time', 81, 80, 64, 0, 0, 0, 1),
    ('douyin_live', '2026-11-01', 'after_delivery', 'satisfaction', 'customer', 'on_time', 120, 120, 96, 0, 0, 0, 0),
    ('douyin_live', '2026-11-01', 'after_delivery', 'satisfaction', 'customer', 'late', 50, 50, 20, 0, 0, 0, 0),
    ('douyin_live', '2026-11-01', 'after_delivery', 'recommendation', 'customer', 'on_time', 100, 0, 0, 100, 50, 20, 0),
    (null, '2026-11-01', 'distributors', 'satisfaction', 'partner', 'not_known', 12, 12, 9, 0, 0, 0, 0),
    (null, '2026-11-01', 'distributors', 'other', 'partner', 'not_known', 4, 0, 0, 0, 0, 0, 4))
    as t (channel, answered_month, survey, question_code, respondent_kind, delivery, answers, rated,
        satisfied, recommending, promoters, detractors, unscored);

create or replace table lake.marts.dim_products as
select 'fourflow_demo:SKU-0007' as product_key, 'fourflow_demo' as business, 'SKU-0007' as sku,
    'Diapers' as name, 'baby' as category;

create or replace table lake.marts.dim_suppliers as
select 'sup:1' as supplier_key, 'S-1' as supplier_no, 'Soft Paper Ltd' as name;

create or replace table lake.reference.exception_classes as
select * from (values
    ('stuck', 4::bigint, 'Stuck', '停滞', 'logistics', 24::bigint),
    ('payment', 7::bigint, 'Payment', '付款与回款', 'finance', 72::bigint)
) as t (exception_class, sort_order, label_en, label_zh, owner, sla_hours);

create or replace table lake.reference.exception_options as
select * from (values
    ('stuck', 'reship', 1::bigint, 'Send it again', '重新发货'),
    ('stuck', 'chase', 2::bigint, 'Ask the carrier or warehouse', '催促承运商或仓库'),
    ('payment', 'remind', 1::bigint, 'Remind', '催付')
) as t (exception_class, option, sort_order, label_en, label_zh);

create or replace table lake.reports.rpt_exceptions as
select
    'stuck:stage:' || order_key || ':shipping' as exception_key, 'stuck' as exception_class,
    business, 'shipping_overdue' as reason, order_key, null::varchar as sku, null::varchar as site,
    created_at::timestamptz as raised_at, gross_amount::decimal(18, 2) as amount_at_risk,
    currency_code, 'logistics' as owner, 24::bigint as sla_hours,
    (created_at + interval 1 day)::timestamptz as due_at, true as is_breached,
    3000::bigint as open_minutes, 'reship=' || gross_amount || ';chase=2.00' as option_costs
from lake.marts.fct_orders where order_no like 'D%0000'
union all
select
    'payment:stage:' || order_key || ':settlement', 'payment', business, 'settlement_overdue',
    order_key, null, null, created_at::timestamptz, gross_amount::decimal(18, 2), currency_code,
    'finance', 72, (created_at + interval 3 day)::timestamptz, false, 600, 'remind=1.00'
from lake.marts.fct_orders where order_no like 'T%0000' and created_on > date '2026-11-10';

-- Five order lines that are paid and have not left: one in each way in which a line is served or waits.
create or replace table lake.ml.line_allocations as
with open_orders as (
    select *, row_number() over (order by created_at, order_no) as place
    from lake.marts.fct_orders
    where business = 'fourflow_demo' and order_key in (
        select order_key from lake.reports.rpt_funnel_orders
        where next_outcome = 'open' and last_step_name in ('paid', 'shipped')
    )
)
select
    placed.business, placed.order_key, 1::bigint as line_no, placed.order_no, placed.channel,
    'SKU-0007' as sku, 'wh_east' as site, told.from_site, told.quantity::bigint as quantity,
    told.decision, told.reservation_id, placed.paid_at as reserved_at, told.priority,
    case told.priority when 1 then 'champions' end as customer_segment,
    timestamptz '2026-11-20 02:00:00+00' - to_days(told.days) as demanded_at, told.expected_on,
    null::double as distance_km, 'region' as location_precision,
    null::decimal(18, 2) as unit_cost, 'CNY' as currency_code, date '2026-11-20' as business_date,
    told.explanation_en, told.explanation_zh
from (values
    (1, 'reserve', null, 3, 'r-1', 1, 1, null::date,
        '3 reserved at wh_east: the only site with stock that may serve it',
        '已在 wh_east 预留 3 件：唯一可服务且有货的仓店'),
    (2, 'allocated', null, 1, null, 3, 0, null,
        'the warehouse has already allocated it', '仓库已分配'),
    (3, 'transfer', 'store_sh01', 2, null, 1, 2, date '2026-11-22',
        '2 wait: no site that takes part has it; store_sh01 has 3 to spare',
        '2 件待货：参与分配的仓店均无货；store_sh01 可调 3 件'),
    (4, 'backorder', null, 4, null, 3, 5, date '2026-11-25',
        '4 wait: no site that takes part has it; goods are expected on 2026-11-25',
        '4 件待货：参与分配的仓店均无货；预计 2026-11-25 到货'),
    (5, 'wait', null, 5, null, 3, 6, null,
        '5 wait: no site that takes part has it; nothing is on its way',
        '5 件待货：参与分配的仓店均无货；暂无在途')
) as told (
    place, decision, from_site, quantity, reservation_id, priority, days, expected_on,
    explanation_en, explanation_zh
)
inner join open_orders as placed on told.place = placed.place;

-- What suppliers send: one line of the order that waits for a transfer, one of the order on its way in, and one whose
-- order was cancelled too late.
create or replace table lake.ml.drop_shipments as
select
    allocations.order_key || ':9' as drop_shipment_key, 1::bigint as attempt, allocations.business,
    allocations.channel, allocations.order_key, 9::bigint as line_no, allocations.order_no, 'SKU-0003' as sku,
    2::bigint as quantity, allocations.demanded_at, told.state,
    'master_data:-:S07' as supplier_key, 'S07' as supplier_no,
    12.5::decimal(18, 6) as unit_price, 25::decimal(18, 2) as amount, 'CNY' as currency_code,
    told.decision_id, if(told.decision_id is null, null, 'P7') as purchase_order_no,
    allocations.business_date + 7 as expected_on, allocations.business_date,
    if(told.state = 'not_recalled', told.decision_id, null) as recall_key,
    if(told.state = 'not_recalled', 'cancelled', null) as recall_reason,
    if(told.state = 'not_recalled', 'r-1', null) as recall_decision_id,
    if(told.state = 'not_recalled', 'the order is cancelled', null) as reason_en,
    if(told.state = 'not_recalled', '订单已取消', null) as reason_zh,
    told.explanation_en, told.explanation_zh
from lake.ml.line_allocations as allocations
inner join (values
    ('transfer', 'to_order', null, 'no site stocks it; Far East can send 2 to the customer',
        '各仓店均不备货；可由 Far East 直发顾客 2 件'),
    ('backorder', 'sent', 'd-1', 'Far East has sent it: purchase order P7 was received',
        'Far East 已发出：采购单 P7 已收货'),
    ('wait', 'not_recalled', 'd-2',
        'the order is cancelled, and the purchase from Far East could not be called back',
        '订单已取消，但 Far East 的采购未能撤回')
) as told (decision, state, decision_id, explanation_en, explanation_zh) on allocations.decision = told.decision;
