-- Changes that the source told of itself, in the days before the clock of its business. Exchanges and purchases keep
-- one record, which says when it was told last, not first.
with connected as (
    select
        source,
        min(received_at) as connected_at
    from {{ ref('int_records_counted') }}
    group by source
),

changes as (
    select
        changed.business,
        changed.source,
        changed.document_type,
        changed.to_status,
        changed.changed_at,
        changed.known_at,
        changed.seconds_to_known,
        -- What had happened before the source was connected came late because of that.
        changed.changed_at < connected.connected_at as is_history
    from {{ ref('fct_status_changes') }} as changed
    inner join connected on changed.source = connected.source
    inner join {{ ref('int_business_clock') }} as clock on changed.business = clock.business
    where
        changed.document_type not in ('after_sales', 'purchase')
        and changed.changed_at > {{ days_later('clock.as_of', '-' ~ var('status_lag_days')) }}
),

moments as (
    select
        known_at as moment,
        cast(null as timestamptz) as published_at
    from changes
    where not is_history
    group by known_at
    union all
    select
        loaded_until as moment,
        published_at
    from {{ ref('int_publications') }}
),

-- The next publication at or after the moment.
visible as (
    select
        moment as known_at,
        min(min(published_at)) over (
            order by moment desc rows between unbounded preceding and current row
        ) as visible_at
    from moments
    group by moment
),

judged as (
    select
        changes.*,
        visible.visible_at,
        {{ seconds_between('changes.changed_at', 'visible.visible_at') }} as seconds_to_visible,
        {{ freshness_limit_seconds('changes.source') }} as limit_seconds
    from changes
    left join visible on not changes.is_history and changes.known_at = visible.known_at
)

select
    business,
    source,
    document_type,
    to_status,
    count(*) filter (where is_history) as history_count,
    count(*) filter (where not is_history) as change_count,
    count(visible_at) as visible_count,
    count(*) filter (where seconds_to_visible > limit_seconds) as late_count,
    cast(min(limit_seconds) as bigint) as limit_seconds,
    cast(
        percentile_cont(0.5) within group (order by case when not is_history then seconds_to_known end) as bigint
    ) as known_seconds_p50,
    cast(
        percentile_cont(0.95) within group (order by case when not is_history then seconds_to_known end) as bigint
    ) as known_seconds_p95,
    cast(percentile_cont(0.5) within group (order by seconds_to_visible) as bigint) as visible_seconds_p50,
    cast(percentile_cont(0.95) within group (order by seconds_to_visible) as bigint) as visible_seconds_p95
from judged
group by business, source, document_type, to_status
