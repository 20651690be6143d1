"""States that are not the normal one: nothing published, no data here, stale, red, broken."""

import logging
import secrets
from datetime import UTC, datetime

import duckdb
import streamlit as st

from app_streamlit.queries.operations import Standing, load_standing
from app_streamlit.ui import address, cards, formats, freshness
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator
from connectors.errors import FourflowError
from orchestration.metrics.scopes import ALL

CHECK_EVERY_SECONDS = 10
_CHANGED = "_watch_changed"
_logger = logging.getLogger(__name__)


def nothing_published(t: Translator, standing: Standing) -> None:
    """What to do when there is no publication yet."""
    st.title(t("app.name"))
    st.markdown(f"**{t('empty.nothing_published')}**")
    st.markdown(t("empty.what_to_do"))
    st.code("fourflow demo", language="bash")
    st.caption(t("empty.demo_does"))
    st.code("fourflow run --source tmall=orders.csv", language="bash")
    st.caption(t("empty.run_does"))
    run = standing.last_run
    if run is not None:
        st.info(
            t(
                "empty.last_run",
                run=run.run_id,
                status=t.known(f"run_status.{run.status}", run.status),
            ),
            icon=":material/sync:",
        )


def red_banner(t: Translator, standing: Standing, shown: str, zone: str) -> None:
    """Says, on every page, that the newest run failed and which figures are shown instead."""
    red = standing.red
    if red is None:
        return
    names = ", ".join(check.name for check in red.failed_checks) or t("red.unnamed")
    st.error(
        t(
            "red.banner",
            publication=shown,
            run=red.run_id,
            time=formats.time(red.finished_at, zone, t.language),
            checks=names,
        ),
        icon=":material/error:",
    )


def not_newest(context: PageContext) -> None:
    """Says that an earlier publication is shown."""
    newest = context.standing.newest
    if newest is None or newest.publication_id == context.publication.publication_id:
        return
    st.info(
        context.t(
            "stale.earlier",
            time=formats.time(context.publication.published_at, context.zone, context.language),
        ),
        icon=":material/history:",
    )


def freshness_caption(context: PageContext) -> None:
    """When the shown figures were published; says so when that is long ago."""
    t = context.t
    published = context.publication.published_at
    st.caption(
        t(
            "stale.published",
            time=formats.time(published, context.zone, context.language),
            zone=context.zone,
            id=context.publication.publication_id,
        )
    )
    newest = context.standing.newest
    is_newest = newest is not None and newest.publication_id == context.publication.publication_id
    age = datetime.now(UTC) - published
    if is_newest and age > freshness.STALE_AFTER:
        st.caption(
            f":material/schedule: **{t('stale.word')}** · "
            + t("stale.old", hours=int(age.total_seconds() // 3600))
        )


def no_data(context: PageContext, key: str = "empty.no_rows") -> None:
    """An empty block: says why, and what would fill it."""
    st.caption(f":material/filter_alt_off: {context.t(key)}")


def nothing_here(context: PageContext, page: str, key: str) -> None:
    """A page without anything to show: why, what it will show, and what to do about it.

    Args:
        context: of this run.
        page: whose purpose is told.
        key: the sentence that says what is missing; it is the page's first line.
    """
    t = context.t
    cards.headline(t(key))
    st.markdown(t(f"teach.{page}"))
    choices = context.choices
    if context.bounds and (choices.channel or choices.period != ALL):
        st.markdown(t("teach.narrow"))
        if st.button(t("teach.show_all"), icon=":material/filter_alt_off:", key="show_all"):
            address.put(channel="", business="", period=ALL)
            st.rerun()
    if not context.bounds:
        st.markdown(t("teach.begin"))
        st.code("fourflow run --source tmall=orders.csv", language="bash")
    st.caption(t("teach.sources"))


def show_error(t: Translator, error: Exception) -> None:
    """A page that can't be shown: the sentence of our own errors, a reference for all others."""
    if isinstance(error, FourflowError):
        st.error(str(error), icon=":material/error:")
        return
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        _logger.warning("A table or column is missing from the publication: %s", error)
        st.warning(t("error.missing_table"), icon=":material/table_view:")
        st.code("fourflow run", language="bash")
        return
    reference = secrets.token_hex(3)
    _logger.error("Page failed, reference %s", reference, exc_info=error)
    st.error(t("error.page", reference=reference), icon=":material/error:")
    st.code("fourflow doctor", language="bash")


@st.fragment(run_every=CHECK_EVERY_SECONDS)
def watch_publications(home: str, shown: str, red_run: str) -> None:
    """Runs the page again, filters and place kept, when something newer is published.

    A viewer of an earlier publication is left alone. The red state counts too: its banner has to
    appear (and go) without a click.

    Args:
        home: key of the home.
        shown: id of the publication that the page shows, or "".
        red_run: id of the run that the banner of the page names, or "".
    """
    standing = load_standing(home)
    newest = standing.newest.publication_id if standing.newest else ""
    is_newer = newest != shown and not address.get("as_of")
    if is_newer or red_run_of(standing) != red_run:
        st.session_state[_CHANGED] = is_newer
        st.rerun(scope="app")


def red_run_of(standing: Standing) -> str:
    """Id of the run that made the data red, or ""."""
    return standing.red.run_id if standing.red else ""


def announce_change(t: Translator) -> None:
    """After such a run: a short note that the figures are new."""
    if st.session_state.pop(_CHANGED, False):
        st.toast(t("stale.updated"), icon=":material/update:")
