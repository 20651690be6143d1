"""What a person does on the pages, as verbs: open, choose, press, read, take a file away.

Tests of the browser speak these words and no selectors of their own. Labels come from the
catalogues of the app, so that one test reads and clicks in either language.
"""

import csv
import re
from pathlib import Path
from typing import Any, Protocol

from app_streamlit.ui.i18n import Language, Translator

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# Without it Streamlit's own table toolbar asks where to save, which nobody answers here.
NO_SAVE_DIALOG = "delete window.showSaveFilePicker"
_PAINT_MS = 300  # the browser needs a moment to say that a page runs again
_LONGEST_RUN_MS = 120_000  # the first question of all loads the semantic layer


class Cockpit:
    """The dashboards in one browser window.

    Attributes:
        page: Playwright's page.
        url: where the dashboards are.
        t: the words of the language that the person reads.
    """

    def __init__(self, page: Any, url: str, language: Language = "en") -> None:
        self.page = page
        self.url = url
        self.t = Translator(language)
        page.context.add_init_script(NO_SAVE_DIALOG)

    def open(self, path: str = "", **choices: str) -> "Cockpit":
        """Go to a page by its address, in the language of this window."""
        open_page(self.page, self, path, **({"lang": self.t.language} | choices))
        return self

    def settle(self, title: str | None = None) -> "Cockpit":
        """Wait until the page has run to its end; with a title, until it is that page."""
        settle(self.page, title)
        return self

    def visit(self, name: str) -> "Cockpit":
        """Open a page from the menu."""
        title = self.t(f"pages.{name}")
        self.page.locator(".st-key-menu").get_by_role("link", name=title, exact=True).click()
        return self.settle(title)

    def switch_to(self, language: Language) -> "Cockpit":
        """Read on in another language, by the switch in the sidebar."""
        self.t = Translator(language)
        label = {"en": "English", "zh": "简体中文"}[language]
        self.page.get_by_test_id("stSidebar").get_by_text(label, exact=True).click()
        return self.settle()

    # -- reading ---------------------------------------------------------------------------------

    def first_line(self) -> str:
        """What the page says first."""
        return first_line(self.page)

    def text(self) -> str:
        """All that stands in the main part of the page, tables and charts left out."""
        return str(self.page.get_by_test_id("stMain").inner_text())

    def says(self, words: str) -> bool:
        """Whether these words are on the page, now or in a moment."""
        self.page.get_by_text(words).first.wait_for()
        return True

    def table(self, description: str) -> list[dict[str, str]]:
        """Rows of a table as far as they are in sight, by header; numbers unformatted."""
        grid = self._grid(description)
        grid.scroll_into_view_if_needed()
        grid.locator("canvas table tr").first.wait_for(state="attached")
        header, *rows = grid.locator("canvas table tr").evaluate_all(
            "rows => rows.map(row => Array.from(row.children).map(cell => cell.textContent))"
        )
        return [dict(zip(header, row, strict=True)) for row in rows]

    def table_file(self, description: str) -> list[dict[str, str]]:
        """All rows of a table: the file behind the button in its corner."""
        grid = self._grid(description)
        grid.scroll_into_view_if_needed()
        grid.hover()
        button = grid.get_by_role("button", name=f"Download as CSV: {description}")
        with self.page.expect_download() as download:
            button.click()
        return rows_of(download.value.path())

    def download(self, label: str) -> list[dict[str, str]]:
        """Rows of the CSV file that a button of the page gives."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=label).first.click()
        return rows_of(download.value.path())

    def column(self, name: str) -> str:
        """The header of a column."""
        return self.t(f"columns.{name}")

    def _grid(self, description: str) -> Any:
        grid = self.page.get_by_test_id("stDataFrame").filter(
            has=self.page.get_by_role("button", name=f": {description}", include_hidden=True)
        )
        grid.first.wait_for()
        return grid.first

    # -- doing -----------------------------------------------------------------------------------

    def press(self, label: str | re.Pattern[str]) -> "Cockpit":
        """Press a button of the page; Streamlit draws its icon's name before the words."""
        words = re.compile(rf"(^|\s){re.escape(label)}$") if isinstance(label, str) else label
        main = self.page.get_by_test_id("stMain")
        main.get_by_role("button", name=words).first.click()
        return self.settle()

    def show(self, label: str) -> "Cockpit":
        """Choose one of the options that are all in sight."""
        self.page.get_by_test_id("stMain").get_by_role("radio", name=label).click()
        return self.settle()

    def choose(self, label: str, option: str | re.Pattern[str]) -> "Cockpit":
        """Choose from a box that opens."""
        self.page.get_by_label(label, exact=True).last.click()
        self.page.get_by_role("option", name=option).first.click()
        return self.settle()

    def take_up(self, label: str, words: str) -> "Cockpit":
        """Choose from a long list by typing some of the words of the wanted entry."""
        box = self.page.get_by_label(label, exact=True).last
        box.click()
        box.fill(words)
        self.page.get_by_role("option").filter(has_text=words).first.click()
        self.settle()
        if self.page.get_by_role("listbox").count():  # several may be chosen: it stays open
            self.page.keyboard.press("Escape")
            self.page.get_by_role("listbox").wait_for(state="hidden")
        box.press("Tab")  # else the next click elsewhere does nothing but leave the box
        return self.settle()

    def choose_only(self, label: str, *options: str) -> "Cockpit":
        """Choose these of several, and nothing else."""
        box = self.page.get_by_label(label, exact=True).last
        box.press("Backspace")
        self.settle()
        for option in options:
            box.fill(option)
            self.page.get_by_role("option", name=option, exact=True).first.click()
            self.settle()
        self.page.keyboard.press("Escape")
        return self

    def fill(self, label: str, text: str, *, beside: str | None = None) -> "Cockpit":
        """Write into a field and leave it.

        Args:
            label: of the field.
            text: what is written.
            beside: a button of the form that the field is in, where several have such a field.
        """
        place = self.page.get_by_test_id("stMain")
        if beside is not None:
            button = self.page.get_by_role("button", name=beside)
            place = self.page.get_by_test_id("stForm").filter(has=button)
        field = place.get_by_label(label, exact=True).last
        field.fill(text)
        field.press("Tab")
        return self.settle()


class Served(Protocol):
    """Something that pages are served at."""

    @property
    def url(self) -> str:
        """Where."""


def open_page(page: Any, served: Served, path: str = "", **choices: str) -> None:
    """Go to a page by its address, and wait until it has run."""
    query = "&".join(f"{key}={value}" for key, value in choices.items())
    page.goto(f"{served.url}/{path}?{query}")
    page.wait_for_selector("h1", timeout=90_000)
    settle(page)


def settle(page: Any, title: str | None = None) -> None:
    """Wait until a page has run to its end."""
    if title:
        page.wait_for_selector(f"h1:has-text('{title}')")
    page.wait_for_timeout(_PAINT_MS)
    page.wait_for_selector(IDLE, timeout=_LONGEST_RUN_MS)
    page.wait_for_timeout(_PAINT_MS)


def first_line(page: Any) -> str:
    """The sentence under the title."""
    return str(page.locator("h5").first.inner_text())


def number_before(text: str, words: str) -> int:
    """The whole number that stands before these words."""
    found = re.search(rf"([\d,]+)\s*{words}", text)
    assert found, f"no number before “{words}” in: {text}"
    return int(found[1].replace(",", ""))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file as people save it from a page."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def pattern(text: str, anything: str) -> re.Pattern[str]:
    """A text in which `#` stands for what this expression matches."""
    return re.compile(re.escape(text).replace(re.escape("#"), anything))
