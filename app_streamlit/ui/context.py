"""What every page of one script run needs, decided once by the router."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import streamlit as st

from app_streamlit.queries.edition import Edition
from app_streamlit.queries.operations import Standing
from app_streamlit.queries.overview import Channel, SourceName, load_named_channels
from app_streamlit.ui.i18n import Language, Translator, readable
from connectors.database.publications import Publication
from connectors.settings import Settings
from orchestration.access.viewer import Viewer
from orchestration.metrics.scopes import Bounds, Scope, resolve_days

_KEY = "_page_context"


@dataclass(frozen=True)
class Choices:
    """What the viewer filtered by."""

    business: str | None
    channel: str | None
    period: str
    custom: tuple[date, date] | None


@dataclass(frozen=True)
class PageContext:
    """Language, publication, filters and labels of one script run."""

    settings: Settings
    t: Translator
    standing: Standing
    publication: Publication
    edition: Edition
    bounds: dict[str, Bounds]
    channels: list[Channel]
    sources: list[SourceName]
    choices: Choices
    viewer: Viewer

    @property
    def language(self) -> Language:
        """The reader's language."""
        return self.t.language

    @property
    def zone(self) -> str:
        """The zone that times are shown in."""
        return self.settings.business_time_zone

    @property
    def businesses(self) -> list[str]:
        """The chosen business, or all that have the chosen channel, the newest first."""
        if self.choices.business:
            return [self.choices.business]
        if self.choices.channel:
            having = {c.business for c in self.channels if c.channel == self.choices.channel}
            return [business for business in self.bounds if business in having]
        return list(self.bounds)

    def scope(self, business: str) -> Scope:
        """The chosen channel and days for one business."""
        start, end = resolve_days(self.choices.period, self.bounds[business], self.choices.custom)
        return Scope(business=business, channel=self.choices.channel, start=start, end=end)

    def business_label(self, business: str) -> str:
        """A business in the reader's words."""
        return business_labels(self.sources, self.language).get(business) or readable(business)

    def source_label(self, source: str) -> str:
        """A source in the reader's words."""
        for known in self.sources:
            if known.source == source:
                label = known.label_zh if self.language == "zh" else known.label_en
                return readable(source) if label == source else label
        return readable(source)

    def sources_of(self, business: str) -> set[str]:
        """The sources that a business is seen through."""
        return {known.source for known in self.sources if known.business == business}

    def channel_label(self, channel: str, business: str | None = None) -> str:
        """A channel in the reader's words."""
        known = self._channel_labels.get((channel, business))
        return known or self.t.known(f"channels.{channel}", channel)

    @cached_property
    def _channel_labels(self) -> dict[tuple[str, str | None], str]:
        """By channel and business, and by channel alone: tables ask for it once a row."""
        labels: dict[tuple[str, str | None], str] = {}
        for known in load_named_channels(self.edition):
            label = known.label_zh if self.language == "zh" else known.label_en
            labels[known.channel, known.business] = label
            labels.setdefault((known.channel, None), label)
        return labels


def business_labels(sources: list[SourceName], language: Language) -> dict[str, str]:
    """Label of every business in one language; of one that no seed names, its key as words."""
    labels = {
        known.business: known.business_label_zh if language == "zh" else known.business_label_en
        for known in sources
    }
    return {name: readable(name) if label == name else label for name, label in labels.items()}


def keep(context: PageContext) -> None:
    """Make the context known to the page of this run."""
    st.session_state[_KEY] = context


def current() -> PageContext:
    """The context of this run."""
    context: PageContext = st.session_state[_KEY]
    return context
