{{ config(enabled=source_is_enabled('ga4'), materialized='incremental') }}

-- A day's streamed events (`events_intraday_…`) give way to the day's own file once that has come. What is told twice
-- on a day with the same visitor, name, time and parameters is one event. A click on an advertisement of Google is paid
-- traffic, whatever GA4 itself calls it.
{%- set told -%}
    select *
    from {{ ref('int_ga4__events_classified') }}
    where is_current
    union all by name
    select streamed.*
    from {{ ref('int_ga4__streamed_events_classified') }} as streamed
    left join (
        select distinct event_date
        from {{ ref('int_ga4__events_classified') }}
        where is_current
    ) as days on streamed.event_date = days.event_date
    where streamed.is_current and days.event_date is null
{%- endset %}

-- A day's events depend on its records, and on the mappings that read them.
{%- set mappings = [
    mapping_version('ga4', 'events'), mapping_version('ga4', 'streamed_events')
] if is_written() else [] %}
{%- set inputs -%}
    select
        input.event_date,
        {{ row_hash('input') }} as row_hash
    from (
        select
            record.event_date,
            sum({{ row_hash('record') }}) as content,
            '{{ mappings | join }}' as mappings
        from (
            select
                event_date,
                source_id,
                record_hash,
                file_name,
                received_at
            from ({{ told }}) as told
        ) as record
        group by record.event_date
    ) as input
{%- endset %}

with inputs as (
    {{ changed_inputs(inputs, 'event_date') }}
),

events as (
    select
        told.*,
        inputs.row_hash,
        coalesce(told.collected_click_id, told.click_id) is not null as is_paid_click
    from ({{ told }}) as told
    inner join inputs on told.event_date = inputs.event_date
)

select
    source_id,
    event_date,
    occurred_at,
    event_name,
    visitor as visitor_token,
    user_no as user_token,
    visitor || ':' || session_no as visit_no,
    case when is_paid_click then 'google' else coalesce(collected_source, session_source) end as traffic_source,
    case when is_paid_click then 'cpc' else coalesce(collected_medium, session_medium) end as traffic_medium,
    coalesce(collected_campaign, session_campaign) as campaign,
    device_category,
    country,
    nullif(sku, '(not set)') as sku,
    case when event_name = 'purchase' then nullif(order_no, '(not set)') end as order_no,
    case
        when event_name = 'purchase' then cast(round(try_cast(revenue as decimal(18, 6)), 2) as decimal(18, 2))
    end as revenue,
    currency_code,
    received_at,
    row_hash
from events
qualify row_number() over (
    partition by event_date, visitor, event_name, occurred_at, coalesce(parameters, source_id)
    order by received_at desc, file_name desc, record_number asc
) = 1
