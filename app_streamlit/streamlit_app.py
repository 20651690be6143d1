"""The router: language, filters, publication and navigation; the pages are in `app_pages/`."""

from pathlib import Path

import streamlit as st

from app_streamlit.queries.edition import edition_of
from app_streamlit.queries.operations import load_standing
from app_streamlit.queries.overview import load_bounds, load_channels, load_source_names
from app_streamlit.ui import address, admission, filters, freshness, navigation, states, tour
from app_streamlit.ui.context import PageContext, business_labels, keep
from app_streamlit.ui.i18n import Translator
from connectors.errors import ForbiddenError
from connectors.settings import load_settings

ICON = Path(__file__).with_name("assets") / "icon.svg"

address.load()
t = Translator(filters.preferred_language())
st.set_page_config(page_title=t("app.name"), page_icon=ICON, layout="wide")
freshness.style_blocks()
settings = load_settings()
with st.sidebar:
    t = Translator(filters.language_switch(t.language))
try:
    viewer = admission.admit(settings, t)
except Exception as error:  # nobody gets in by a mistake in a file
    states.show_error(t, error)
    st.stop()
standing = load_standing(settings.fingerprint())

with st.sidebar:
    page = navigation.build(t, viewer)
    name = page.url_path or navigation.first_page(viewer)
    address.enter(name)
    navigation.menu(t, viewer)
    tour.offer(t, viewer)
    publication = filters.publication_picker(standing, t, settings.business_time_zone)

if publication is None:
    address.save()
    states.nothing_published(t, standing)
    states.watch_publications(settings.fingerprint(), "", states.red_run_of(standing))
    st.stop()

try:
    edition = edition_of(settings, publication.publication_id, viewer.sight)
    bounds = load_bounds(edition)
    channels = load_channels(edition)
    sources = load_source_names(edition)
except Exception as error:  # whatever it is, the viewer gets a page
    states.show_error(t, error)
    st.stop()

with st.sidebar:
    labels = business_labels(sources, t.language)
    context = PageContext(
        settings=settings,
        t=t,
        standing=standing,
        publication=publication,
        edition=edition,
        bounds=bounds,
        channels=channels,
        sources=sources,
        choices=filters.data_filters(bounds, channels, t, labels),
        viewer=viewer,
    )
    states.freshness_caption(context)
    admission.account(context)
    states.watch_publications(
        settings.fingerprint(), publication.publication_id, states.red_run_of(standing)
    )

keep(context)
states.announce_change(t)
states.red_banner(t, standing, publication.publication_id, context.zone)
states.not_newest(context)
tour.show(t, viewer, name)
try:
    if viewer.may_open(name):
        page.run()
    else:
        admission.refuse_page(t, viewer, name)
except ForbiddenError as error:
    admission.refuse_block(t, error, name)
except Exception as error:  # whatever it is, the viewer gets a page
    states.show_error(t, error)
finally:
    address.save()
