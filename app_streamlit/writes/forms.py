"""What people fill in: an entry of a form, kept once under its number."""

from collections.abc import Mapping
from typing import Any

from app_streamlit.queries.access import current_viewer, note, write_as
from app_streamlit.queries.edition import newest_edition, open_edition
from connectors.database.engine import open_database
from connectors.errors import ForbiddenError
from connectors.settings import load_settings
from orchestration.forms.entering import Entering, Receipt, enter
from orchestration.forms.library import find_form
from orchestration.run_state import utc_now


def enter_form(name: str, number: str, filled: Mapping[str, Any], *, person: str) -> Receipt:
    """Judge an entry and keep it; again with the same number and content is harmless.

    Raises:
        RefusedEntryError: it is not filled in as it should be; names each field.
        InputError: an order lacks credit or stock, or the number stands for another entry.
        ForbiddenError: the form is not for the viewer's role.
        TransientError: the disk did not take it.
    """
    settings, viewer = load_settings(), current_viewer()
    try:
        form = find_form(settings, name, viewer)
    except ForbiddenError as error:
        note("refused", f"form {name}", str(error))
        raise
    person = write_as("enter_forms", f"{name}:{number}", person)
    read = open_edition(newest_edition(viewer.sight)).rows
    entering = Entering(filled, number, person, utc_now())
    return enter(settings, open_database(settings), read, form, entering)
