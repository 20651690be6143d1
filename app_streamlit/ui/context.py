"""What every page of one script run needs, decided once by the router."""

from dataclasses import dataclass
from datetime import date

import streamlit as st

from app_streamlit.queries.edition import Edition
from app_streamlit.queries.operations import Standing
from app_streamlit.queries.overview import Channel
from app_streamlit.queries.scope import Bounds, Scope, resolve_days
from app_streamlit.ui.i18n import Language, Translator
from connectors.database.publications import Publication
from connectors.settings import Settings

_KEY = "_page_context"


@dataclass(frozen=True)
class Choices:
    """What the viewer filtered by."""

    source: str | None
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
    choices: Choices

    @property
    def language(self) -> Language:
        """The reader's language."""
        return self.t.language

    @property
    def zone(self) -> str:
        """The zone that times are shown in."""
        return self.settings.business_time_zone

    @property
    def sources(self) -> list[str]:
        """The chosen source, or all that have the chosen channel, the newest first."""
        if self.choices.source:
            return [self.choices.source]
        if self.choices.channel:
            having = {c.source for c in self.channels if c.channel == self.choices.channel}
            return [source for source in self.bounds if source in having]
        return list(self.bounds)

    def scope(self, source: str) -> Scope:
        """The chosen channel and days for one source."""
        start, end = resolve_days(self.choices.period, self.bounds[source], self.choices.custom)
        return Scope(source=source, channel=self.choices.channel, start=start, end=end)

    def source_label(self, source: str) -> str:
        """A source in the reader's words."""
        return self.t.known(f"sources.{source}", source)

    def channel_label(self, channel: str, source: str | None = None) -> str:
        """A channel in the reader's words."""
        for known in self.channels:
            if known.channel == channel and source in (None, known.source):
                return known.label_zh if self.language == "zh" else known.label_en
        return self.t.known(f"channels.{channel}", channel)


def keep(context: PageContext) -> None:
    """Make the context known to the page of this run."""
    st.session_state[_KEY] = context


def current() -> PageContext:
    """The context of this run."""
    context: PageContext = st.session_state[_KEY]
    return context
