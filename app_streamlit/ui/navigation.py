"""The pages, and the links between them; a link keeps what the viewer chose."""

from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import Page

from app_streamlit.ui import address
from app_streamlit.ui.i18n import Translator


@dataclass(frozen=True)
class Entry:
    """One page of the menu."""

    name: str
    icon: str


ENTRIES = (
    Entry("overview", ":material/dashboard:"),
    Entry("funnel", ":material/filter_alt:"),
    Entry("journeys", ":material/conversion_path:"),
    Entry("orders", ":material/receipt_long:"),
    Entry("stages", ":material/timer:"),
    Entry("process", ":material/account_tree:"),
    Entry("parcels", ":material/local_shipping:"),
    Entry("stock", ":material/inventory_2:"),
    Entry("risk", ":material/shield:"),
    Entry("reconciliation", ":material/account_balance:"),
    Entry("customers", ":material/groups:"),
    Entry("decisions", ":material/task_alt:"),
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


def build(t: Translator) -> Page:
    """Register the pages; returns the one that this run shows."""
    pages = [
        st.Page(
            path(entry.name),
            title=t(f"pages.{entry.name}"),
            icon=entry.icon,
            url_path=entry.name,
            default=entry.name == "overview",
        )
        for entry in ENTRIES
    ]
    return st.navigation(pages, position="hidden")


def menu(t: Translator) -> None:
    """Links to all pages: the address keeps language, filters and "as of"."""
    kept = {k: v for k, v in address.params().items() if k not in address.OWNERS}
    with st.container(gap="xsmall", key="menu"):
        for entry in ENTRIES:
            st.page_link(
                path(entry.name),
                label=t(f"pages.{entry.name}"),
                icon=entry.icon,
                query_params=kept or None,
                width="stretch",
            )


def go(name: str, **choices: str) -> None:
    """Open another page with these choices set; those that are not its own are left behind."""
    foreign = [key for key, pages in address.OWNERS.items() if key == "view" or name not in pages]
    address.put(**(dict.fromkeys(foreign, "") | choices))
    address.leave()
    st.switch_page(path(name), query_params=address.params())
