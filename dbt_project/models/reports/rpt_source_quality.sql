-- What is good of what can be judged, check by check. What a person corrected or dropped is settled, and what only an
-- older version of a file had wrong is no longer wrong.
with counted as (
    select
        source,
        sum(received) as received,
        sum(used) as used,
        sum(duplicates) as duplicates,
        sum(quarantined) as quarantined,
        -- A platform is asked again by ourselves: only of what was sent as files does a repetition tell anything.
        sum(case when file_count > 0 then used + duplicates else 0 end) as sent,
        sum(case when file_count > 0 then used else 0 end) as sent_once,
        max(received_at) as last_received_at
    from {{ ref('int_records_counted') }}
    group by source
),

refused as (
    select
        source,
        count(*) filter (where reason like '%is empty%but required.%') as incomplete,
        count(*) filter (where reason not like '%is empty%but required.%') as invalid
    from {{ ref('quarantined_records') }}
    where not is_superseded and resolution is null
    group by source
),

unmapped as (
    select
        source,
        sum(row_count) as row_count
    from {{ ref('rpt_unmapped_values') }}
    group by source
),

wrong_orders as (
    select order_key
    from {{ ref('rpt_order_disagreements') }}
    union
    select document_key as order_key
    from {{ ref('rpt_illegal_transitions') }}
),

agreeing as (
    select
        orders.source,
        count(*) as order_count,
        count(*) filter (where wrong_orders.order_key is null) as agreeing_count
    from {{ ref('fct_orders') }} as orders
    left join wrong_orders on orders.order_key = wrong_orders.order_key
    group by orders.source
),

known as (
    select
        counted.*,
        sources.business,
        coalesce(refused.incomplete, 0) as incomplete,
        coalesce(refused.invalid, 0) as invalid,
        coalesce(unmapped.row_count, 0) as unmapped,
        coalesce(agreeing.order_count, 0) as order_count,
        coalesce(agreeing.agreeing_count, 0) as agreeing_count,
        {{ freshness_limit_seconds('counted.source') }} as limit_seconds,
        {{ seconds_between(
            'counted.last_received_at',
            'max(counted.last_received_at) over (partition by sources.business)'
        ) }} as silent_seconds
    from counted
    inner join {{ ref('dim_sources') }} as sources on counted.source = sources.source
    left join refused on counted.source = refused.source
    left join unmapped on counted.source = unmapped.source
    left join agreeing on counted.source = agreeing.source
),

{% set checks = [
    ('completeness', 'required_values', 'received', 'received - incomplete'),
    ('validity', 'readable_records', 'received - incomplete', 'received - incomplete - invalid'),
    ('validity', 'mapped_values', 'used', 'greatest(used - unmapped, 0)'),
    ('uniqueness', 'repeated_records', 'sent', 'sent_once'),
    ('timeliness', 'new_records', 'case when limit_seconds > 0 then greatest(silent_seconds, limit_seconds) end', 'limit_seconds'),
    ('consistency', 'accounted_records', 'received', 'received - abs(received - used - duplicates - quarantined)'),
    ('consistency', 'agreeing_orders', 'order_count', 'agreeing_count'),
] %}
checks as (
    {%- for dimension, check, judged, passed in checks %}
    select
        source,
        business,
        {{ loop.index }} as check_number,
        '{{ dimension }}' as quality_dimension,
        '{{ check }}' as quality_check,
        {{ judged }} as judged_count,
        {{ passed }} as passed_count,
        last_received_at
    from known
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

ranked as (
    select
        *,
        row_number() over (
            partition by source order by passed_count * 1.0000000000 / judged_count, check_number
        ) as weakest_first
    from checks
    where judged_count > 0
)

select
    source,
    business,
    quality_dimension,
    quality_check,
    cast(judged_count as bigint) as judged_count,
    cast(passed_count as bigint) as passed_count,
    weakest_first = 1 as is_weakest,
    last_received_at
from ranked
