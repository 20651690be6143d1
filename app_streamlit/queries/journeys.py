"""Blocks of the journeys page: `rpt_journey_funnel_daily`, the times of its steps, their labels."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from app_streamlit.queries.metrics import IN_SCOPE, ask
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

_CONVERSION = MetricQuery(
    metrics=("journey_conversion_rate",),
    by=("journey_step",),
    where=(*IN_SCOPE, "journey_funnel = $funnel"),
)


@st.cache_data(max_entries=8, show_spinner=False)
def load_journey_funnels(edition: Edition) -> list[dict[str, object]]:
    """One row a business and funnel that has journeys, with the funnel's labels."""
    if not has_table(edition, "rpt_journey_funnel_daily"):
        return []
    return rows(
        edition,
        """
        select daily.business, daily.funnel, names.label_en, names.label_zh
        from (select distinct business, funnel from rpt_journey_funnel_daily) as daily
        left join journey_funnels as names on daily.funnel = names.funnel
        order by daily.business, daily.funnel
        """,
    )


def load_journey_steps(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    """One row a step, in the shape of an order funnel's steps, with the metric's rate.

    Amounts are null when journeys of several currencies add up. A step that some journeys went on
    without has no rate: it may be left out, or its source tells of it only when it looks at the
    right moment, so whoever did not show it is not lost.
    """
    answer = ask(edition, _CONVERSION, {**scope.params(), "funnel": funnel})
    rates = {row["journey_step"]: row["journey_conversion_rate"] for row in answer}
    steps = _load_journey_counts(edition, scope, funnel)
    passed_by = steps["is_optional"].astype(bool) & (
        (steps["skipped_count"] > 0) | (steps["reached_count"] == 0)
    )
    found: list[object] = [
        None if is_passed_by else rates.get(name)
        for name, is_passed_by in zip(steps["step_name"], passed_by, strict=True)
    ]
    return steps.assign(conversion_rate=pd.Series(found, index=steps.index, dtype=object))


@st.cache_data(max_entries=256, show_spinner=False)
def _load_journey_counts(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    return frame(
        edition,
        """
        with counts as (
            select
                step_number, step_name, bool_or(is_optional) as is_optional,
                case when count(distinct currency_code) = 1
                    then min(currency_code) end as currency_code,
                sum(reached_count)::bigint as reached_count,
                sum(skipped_count)::bigint as skipped_count,
                sum(open_count)::bigint as open_count,
                sum(dropped_count)::bigint as dropped_count,
                case when count(distinct currency_code) = 1
                    then sum(reached_amount) end as reached_amount,
                case when count(distinct currency_code) = 1
                    then sum(open_amount) end as open_amount,
                case when count(distinct currency_code) = 1
                    then sum(dropped_amount) end as dropped_amount
            from rpt_journey_funnel_daily
            where business = $business
              and funnel = $funnel
              and ($channel is null or channel = $channel)
              and cohort_date between $start and $end
            group by step_number, step_name
        )
        select
            counts.*, 'step' as step_kind,
            labels.label_en, labels.label_zh, labels.window_hours,
            null::double as green_from, null::double as amber_from
        from counts
        left join journey_steps as labels
            on labels.funnel = $funnel and labels.channel = '*'
            and labels.step_name = counts.step_name
        order by counts.step_number
        """,
        {**scope.params(), "funnel": funnel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_step_times(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    """One row a step and channel: how long the journeys took from the step before, of all days."""
    return frame(
        edition,
        """
        select times.*, labels.label_en, labels.label_zh
        from rpt_journey_step_times as times
        left join journey_steps as labels
            on labels.funnel = times.funnel and labels.channel = '*'
            and labels.step_name = times.step_name
        where times.business = $business and times.funnel = $funnel
          and ($channel is null or times.channel = $channel)
        order by times.step_number, times.seconds_p50 desc, times.channel
        """,
        {"business": scope.business, "channel": scope.channel, "funnel": funnel},
    )
