"""As of when the data of a block are, and that they are stale: the one piece that says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from app_streamlit.queries.overview import load_data_until
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext, current

STALE_AFTER = timedelta(hours=36)
# Stale figures lose their colours; their text stays as readable as any. A map that is wider than a
# phone is moved sideways within its own frame. What is chosen of several is told by its ground and
# border; its words keep the colour of text around them, which is readable on both themes. First
# lines, and links that say what needs somebody, may need two lines; six headline figures stand in
# two rows of three.
_STYLE = """<style>
[data-testid="stButtonGroup"] [data-selected], [data-testid="stButtonGroup"] [data-selected] p {
  color: inherit !important;
}
[class*="_process_map_"] svg { max-width: 100%; height: auto; }
[data-testid="stMain"] h5 { line-height: 1.45; }
[class*="st-key-needs"] [data-testid="stPageLink"] p { white-space: normal; }
@media (min-width: 1000px) {
  [class*="st-key-tiles_"] > div { flex: 1 1 30%; }
}
[class*="st-key-stale_"] { filter: grayscale(1); }
[class*="st-key-stale_"] [data-testid="stMetric"] { border-style: dashed; }
</style>"""


@dataclass(frozen=True)
class Freshness:
    """How new the data of a block are.

    Attributes:
        as_of: the last event that is in them; None where no source tells.
        is_stale: nothing was published, or received from a source that sends regularly, for long.
    """

    as_of: datetime | None
    is_stale: bool


def of_block(context: PageContext, business: str | None = None) -> Freshness:
    """How new the data of a business are; of the chosen businesses together, the oldest counts."""
    published = context.publication.published_at
    newest = context.standing.newest
    is_newest = newest is not None and newest.publication_id == context.publication.publication_id
    is_left_alone = is_newest and datetime.now(UTC) - published > STALE_AFTER
    known = load_data_until(context.edition)
    shown = [known[one] for one in ([business] if business else context.businesses) if one in known]
    moments = [one.last_event_at for one in shown if one.last_event_at is not None]
    is_silent = any(
        one.is_regular
        and one.last_received_at is not None
        and published - one.last_received_at > STALE_AFTER
        for one in shown
    )
    as_of = (max(moments) if business is None else min(moments)) if moments else None
    return Freshness(as_of, is_left_alone or is_silent)


@contextmanager
def block(key: str, *, business: str | None = None) -> Iterator[None]:
    """A block of figures of the publication, with the moment that they are as of below it.

    Args:
        key: of the block's container.
        business: whose figures they are; default: of the chosen ones.
    """
    context = current()
    fresh = of_block(context, business)
    with st.container(key=f"{'stale' if fresh.is_stale else 'fresh'}_{key}", gap="xxsmall"):
        yield
        if fresh.as_of is not None or fresh.is_stale:
            st.caption(sentence(context, fresh))


def sentence(context: PageContext, fresh: Freshness) -> str:
    """As of when, and the word that says that it is stale."""
    t = context.t
    moment = fresh.as_of or context.publication.published_at
    text = t("stale.as_of", time=formats.time(moment, context.zone, t.language))
    return f":material/schedule: **{t('stale.word')}** · {text}" if fresh.is_stale else text


def style_blocks() -> None:
    """The look of blocks; once a run and before all else, which would show without it first."""
    st.html(_STYLE)
