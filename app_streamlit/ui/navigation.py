"""The pages, and the links between them; a link keeps what the viewer chose."""

from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import Page

from app_streamlit.ui import address
from app_streamlit.ui.i18n import Translator
from orchestration.access.viewer import Viewer


@dataclass(frozen=True)
class Entry:
    """One page of the menu."""

    name: str
    icon: str


ENTRIES = (
    Entry("overview", ":material/dashboard:"),
    Entry("channels", ":material/storefront:"),
    Entry("funnel", ":material/filter_alt:"),
    Entry("journeys", ":material/conversion_path:"),
    Entry("orders", ":material/receipt_long:"),
    Entry("stages", ":material/timer:"),
    Entry("process", ":material/account_tree:"),
    Entry("parcels", ":material/local_shipping:"),
    Entry("stock", ":material/inventory_2:"),
    Entry("risk", ":material/shield:"),
    Entry("cash", ":material/payments:"),
    Entry("reconciliation", ":material/account_balance:"),
    Entry("aftersales", ":material/assignment_return:"),
    Entry("customers", ":material/groups:"),
    Entry("exceptions", ":material/report:"),
    Entry("decisions", ":material/task_alt:"),
    Entry("forms", ":material/edit_document:"),
    Entry("rules", ":material/rule:"),
    Entry("roi", ":material/savings:"),
    Entry("explore", ":material/query_stats:"),
    Entry("cockpit", ":material/space_dashboard:"),
    Entry("health", ":material/monitor_heart:"),
    Entry("definitions", ":material/menu_book:"),
)


def path(name: str) -> str:
    """The script of a page, as Streamlit names it."""
    return f"app_pages/{name}.py"


def first_page(viewer: Viewer) -> str:
    """The page that the bare address shows: the first of the menu that the viewer may open."""
    return next((one.name for one in ENTRIES if viewer.may_open(one.name)), ENTRIES[0].name)


def build(t: Translator, viewer: Viewer) -> Page:
    """Register the pages; returns the one that this run shows.

    Pages of others are registered too, so that a link to one finds a refusal (which the router
    draws; the page's script does not run) and not an error.
    """
    first = first_page(viewer)
    pages = [_page(t, entry, entry.name) for entry in ENTRIES if entry.name != first]
    begin = next(entry for entry in ENTRIES if entry.name == first)
    # The bare address is the first page; its name is an address too, as every other page's.
    home = _page(t, begin, "home", default=True)
    return st.navigation([home, _page(t, begin, first), *pages], position="hidden")


def _page(t: Translator, entry: Entry, address_of: str, *, default: bool = False) -> Page:
    return st.Page(
        path(entry.name),
        title=t(f"pages.{entry.name}"),
        icon=entry.icon,
        url_path=address_of,
        default=default,
    )


def menu(t: Translator, viewer: Viewer) -> None:
    """Links to the viewer's pages: the address keeps language, filters and "as of"."""
    kept = _kept()
    with st.container(gap="xsmall", key="menu"):
        for entry in ENTRIES:
            if not viewer.may_open(entry.name):
                continue
            st.page_link(
                path(entry.name),
                label=t(f"pages.{entry.name}"),
                icon=entry.icon,
                query_params=kept or None,
                width="stretch",
            )


def link(name: str, label: str, icon: str) -> None:
    """A link in the text of a page to another one, filters kept."""
    st.page_link(path(name), label=label, icon=icon, query_params=_kept() or None)


def _kept() -> dict[str, str]:
    return {k: v for k, v in address.params().items() if k not in address.OWNERS}


def go(name: str, **choices: str) -> None:
    """Open another page with these choices set; those that are not its own are left behind."""
    foreign = [key for key, pages in address.OWNERS.items() if key == "view" or name not in pages]
    address.put(**(dict.fromkeys(foreign, "") | choices))
    address.leave()
    st.switch_page(path(name), query_params=address.params())
