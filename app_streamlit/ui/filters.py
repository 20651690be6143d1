"""The filters in the sidebar: language, business, channel, days, and "as of"."""

from datetime import date

import streamlit as st

from app_streamlit.queries.operations import PUBLICATIONS_SHOWN, Standing, load_publication
from app_streamlit.queries.overview import Channel
from app_streamlit.ui import address, formats
from app_streamlit.ui.context import Choices
from app_streamlit.ui.i18n import LANGUAGES, Language, Translator
from connectors.database.publications import Publication
from connectors.errors import InputError
from orchestration.metrics.scopes import ALL, CUSTOM, DEFAULT_PERIOD, PERIODS, Bounds

NEWEST = "newest"


def preferred_language() -> Language:
    """The language of the address, else the browser's, else English."""
    chosen = address.get("lang") or (st.context.locale or "en")[:2].lower()
    return "zh" if chosen == "zh" else "en"


def language_switch(current: Language) -> Language:
    """Two buttons, each in its own language."""
    chosen = address.choice(
        "lang",
        list(LANGUAGES),
        current,
        lambda key: st.segmented_control(
            "Language · 语言",
            list(LANGUAGES),
            format_func=lambda name: LANGUAGES[name],
            key=key,
            required=True,
            width="stretch",
        ),
    )
    address.put(lang=chosen)  # always said in a shared link
    return "zh" if chosen == "zh" else "en"


def publication_picker(standing: Standing, t: Translator, zone: str) -> Publication | None:
    """Choose "as of": the newest publication, or one of the earlier ones."""
    asked = address.get("as_of")
    known = {p.publication_id: p for p in standing.publications}
    if asked and asked not in known:
        found = _look_up(asked, t)
        if found is not None:
            known[found.publication_id] = found
            address.put(as_of=found.publication_id)

    def label(publication_id: str) -> str:
        if publication_id == NEWEST:
            return t("filters.newest")
        return formats.time(known[publication_id].published_at, zone, t.language)

    chosen = address.choice(
        "as_of",
        [NEWEST, *known],
        NEWEST,
        lambda key: st.selectbox(
            t("filters.as_of"),
            [NEWEST, *known],
            format_func=label,
            key=key,
            help=t("filters.as_of_help", count=PUBLICATIONS_SHOWN),
        ),
        variant=f"{t.language}_{asked if asked in known else ''}",
    )
    return standing.newest if chosen == NEWEST else known.get(chosen)


def _look_up(asked: str, t: Translator) -> Publication | None:
    """A publication named in a link that is older than the list, or a time."""
    try:
        found = load_publication(asked)
    except InputError:
        found = None
    if found is None:
        st.warning(t("filters.as_of_unknown", asked=asked), icon=":material/history:")
        address.put(as_of="")
    return found


def data_filters(
    bounds: dict[str, Bounds], channels: list[Channel], t: Translator, labels: dict[str, str]
) -> Choices:
    """Business, channel and days."""
    businesses = list(bounds)
    business = ALL
    if len(businesses) > 1:
        business = address.choice(
            "business",
            [ALL, *businesses],
            ALL,
            lambda key: st.selectbox(
                t("filters.business"),
                [ALL, *businesses],
                format_func=lambda name: (
                    t("filters.all_businesses") if name == ALL else labels.get(name, name)
                ),
                key=key,
            ),
            variant=t.language,
        )
    only = businesses[0] if len(businesses) == 1 else None
    chosen_business = only or (None if business == ALL else business)
    channel = _channel_filter(channels, chosen_business, t)
    period = address.choice(
        "period",
        PERIODS,
        DEFAULT_PERIOD,
        lambda key: st.selectbox(
            t("filters.period"),
            PERIODS,
            format_func=lambda name: t(f"filters.periods.{name}"),
            key=key,
            help=t("filters.period_help"),
        ),
        variant=t.language,
    )
    custom = None
    if period == CUSTOM and bounds:
        reach = [bounds[chosen_business]] if chosen_business else list(bounds.values())
        custom = _custom_days(reach, t)
    return Choices(business=chosen_business, channel=channel, period=period, custom=custom)


def _channel_filter(channels: list[Channel], business: str | None, t: Translator) -> str | None:
    """One channel or all; a channel belongs to one business, so all others show nothing then."""
    offered = {c.channel: c for c in channels if business in (None, c.business)}
    if len(offered) <= 1:
        address.put(channel="")
        return None

    def label(name: str) -> str:
        if name == ALL:
            return t("filters.all_channels")
        found = offered[name]
        return found.label_zh if t.language == "zh" else found.label_en

    channel = address.choice(
        "channel",
        [ALL, *offered],
        ALL,
        lambda key: st.selectbox(t("filters.channel"), [ALL, *offered], format_func=label, key=key),
        variant=f"{t.language}_{business}",
    )
    return None if channel == ALL else channel


def _custom_days(reach: list[Bounds], t: Translator) -> tuple[date, date] | None:
    """Two dates within what the businesses have; None until both are chosen."""
    first = min(bounds.first for bounds in reach)
    last = max(bounds.last for bounds in reach)
    start = _as_date(address.get("from")) or first
    end = _as_date(address.get("to")) or last
    start, end = (min(max(day, first), last) for day in sorted((start, end)))
    chosen = st.date_input(
        t("filters.days"),
        value=(start, end),
        min_value=first,
        max_value=last,
        format="YYYY-MM-DD",
        key=f"days_widget_{first}_{last}",
    )
    if not isinstance(chosen, tuple) or len(chosen) != 2:
        return start, end
    address.put(from_=chosen[0].isoformat(), to=chosen[1].isoformat())
    return chosen


def _as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
