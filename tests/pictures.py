"""Takes the pictures of the docs anew: the pages of a built home, as people see them.

`make pictures` does it with the home that FOURFLOW_HOME names (the demo's, as a rule), in headless
Chromium. Two readmes share the picture of the funnel; docs/managers.md has the others. A picture
has at most 256 colours, which these flat pages need no more than, so that it stays small.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app_streamlit.ui.i18n import Translator
from connectors.settings import PROJECT_ROOT, load_settings
from tests.e2e.cockpit import Cockpit
from tests.e2e.conftest import FLAGS, Dashboards, free_port, serve_dashboards

FOLDER = PROJECT_ROOT / "docs" / "images"
MOST_BYTES = 300_000
_LOAD_MS = 2_000  # charts and tables are painted after the script has run


@dataclass(frozen=True)
class Picture:
    """One picture of the docs.

    Attributes:
        name: of its file.
        page: which page it shows.
        choices: what is chosen on it.
        size: of the window.
    """

    name: str
    page: str
    choices: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (1280, 900)


PICTURES = (
    Picture("funnel", "funnel", size=(1440, 1110)),
    Picture("manager-today", "overview"),
    Picture("manager-channels", "channels"),
    Picture("manager-funnel", "funnel"),
    Picture("manager-late-orders", "stages"),
    Picture("manager-parcels", "parcels"),
    Picture("manager-stock", "stock"),
    Picture("manager-risk", "risk"),
    Picture("manager-decisions", "decisions"),
    Picture("manager-cash", "cash"),
    Picture("manager-reconciliation", "reconciliation"),
    Picture("manager-customers", "customers"),
    Picture("manager-explore", "explore"),
    Picture("manager-health", "health"),
)


def take(browser: Browser, served: Dashboards, picture: Picture) -> bytes:
    """The picture as a PNG file."""
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="light", locale="en-US"
    )
    context.set_default_timeout(120_000)
    try:
        cockpit = Cockpit(context.new_page(), served.url, "en")
        cockpit.open(picture.page, **picture.choices).settle(
            Translator("en")(f"pages.{picture.page}")
        )
        cockpit.page.wait_for_timeout(_LOAD_MS)
        return smaller(cockpit.page.screenshot())
    finally:
        context.close()


def smaller(png: bytes) -> bytes:
    """The same picture with a palette."""
    with Image.open(BytesIO(png)) as full:
        drawn = full.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    file = BytesIO()
    drawn.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(names: Sequence[str]) -> None:
    """Take all pictures, or those with these names."""
    wanted = [one for one in PICTURES if not names or one.name in names]
    settings = load_settings()
    executable = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    with (
        tempfile.TemporaryDirectory() as scratch,
        serve_dashboards(settings, free_port(), Path(scratch) / "log") as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        for picture in wanted:
            png = take(browser, served, picture)
            if len(png) > MOST_BYTES:
                raise SystemExit(f"{picture.name} has {len(png):,} bytes: make its window smaller.")
            (FOLDER / f"{picture.name}.png").write_bytes(png)
            sys.stdout.write(f"{picture.name}.png: {len(png):,} bytes\n")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
