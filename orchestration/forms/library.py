"""The forms in force: those that are shipped, and the tenant's own folder `forms/`.

A form of one's own replaces the shipped one of the same name, as a policy file does.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from connectors.declarations import read_declared, suggest
from connectors.errors import ForbiddenError, InputError
from connectors.settings import Settings
from orchestration.access.policy import load_access_policy, policy_path
from orchestration.access.viewer import Viewer
from orchestration.forms.definition import Form
from orchestration.forms.evaluation import refuse_incomputable

FOLDER_NAME = "forms"
SHIPPED_FORMS = Path(__file__).resolve().parent / "shipped"


def read_form(path: Path) -> Form:
    """Read one file.

    Raises:
        InputError: it can't be read or says what can't be; names file, line and key.
    """
    form = read_declared(Form, path)
    if form.name != path.stem:
        raise InputError(f"{path} holds the form {form.name}; call the file {form.name}.yml.")
    try:
        refuse_incomputable(form)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return form


def load_forms(settings: Settings) -> dict[str, Form]:
    """All forms by name.

    Raises:
        InputError: a file can't be read or contradicts itself, or names a role that nobody has.
    """
    own = settings.folder_beside_configuration(FOLDER_NAME)
    paths = {path.stem: path for path in sorted(SHIPPED_FORMS.glob("*.yml"))}
    paths |= {path.stem: path for path in sorted(own.glob("*.yml"))} if own else {}
    forms = {name: _read(path, *_version(path)) for name, path in sorted(paths.items())}
    _refuse_unknown_roles(settings, forms, paths)
    return forms


def find_form(settings: Settings, name: str, viewer: Viewer) -> Form:
    """A form that somebody may fill in.

    Raises:
        InputError: there is none of that name.
        ForbiddenError: it is for other roles.
    """
    forms = load_forms(settings)
    form = forms.get(name)
    if form is None:
        raise InputError(f"There is no form {name[:100]}, {suggest(name, forms)}.")
    if not form.may_be_filled_by(viewer):
        raise ForbiddenError(
            f"The form {name} is not for your role {viewer.role}; ask whoever keeps its file."
        )
    return form


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _read(path: Path, changed_at: int, size: int) -> Form:
    del changed_at, size  # only to be read anew
    return read_form(path)


def _refuse_unknown_roles(
    settings: Settings, forms: dict[str, Form], paths: dict[str, Path]
) -> None:
    if policy_path(settings) is None:
        return
    roles = load_access_policy(settings).roles
    for name, form in forms.items():
        for one in form.roles:
            if not any(fnmatchcase(role, one) for role in roles):
                raise InputError(
                    f"{paths[name]}: there is no role {one} in access.yml, {suggest(one, roles)}."
                )
