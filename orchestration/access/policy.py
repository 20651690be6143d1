"""The access policy, `access.yml`: what each role may open, do and see, and who has which role."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from connectors.declarations import (
    Declared,
    describe_mistake,
    mistakes_of,
    read_document,
    suggest,
)
from connectors.errors import ForbiddenError, InputError
from connectors.lake.sight import Sight
from connectors.settings import PROJECT_ROOT, Settings
from orchestration.access.viewer import ACTIONS, Viewer

POLICY_NAME = "access.yml"
# By path, never imported: imports go orchestration -> app_streamlit only that way.
_PAGES = PROJECT_ROOT / "app_streamlit" / "app_pages"
Names = tuple[str, ...]


class Rows(Declared):
    """Whose rows are seen; what is left out is not restricted."""

    businesses: Names | None = Field(default=None, min_length=1, description="Legal entities.")
    channels: Names | None = Field(default=None, min_length=1, description="Sales channels.")
    regions: Names | None = Field(default=None, min_length=1, description="Provinces, as in data.")
    sites: Names | None = Field(default=None, min_length=1, description="Shops and warehouses.")

    def sight(self, hidden: Names) -> Sight:
        """These rows without those columns."""
        return Sight.of(
            {
                "business": self.businesses,
                "channel": self.channels,
                "region": self.regions,
                "site": self.sites,
            },
            hidden,
        )


class Role(Declared):
    """What a role may open, do and see."""

    pages: Names = Field(default=(), description="Names of pages; `*` stands for anything.")
    actions: Names = Field(default=(), description="Names of actions; `*` stands for anything.")
    rows: Rows = Field(default=Rows(), description="Whose rows; default: all.")
    hidden: Names = Field(default=(), description="Columns and metrics never seen.")

    @field_validator("pages")
    @classmethod
    def _pages_exist(cls, value: Names) -> Names:
        return _known(value, sorted(p.stem for p in _PAGES.glob("[a-z]*.py")), "page")

    @field_validator("actions")
    @classmethod
    def _actions_exist(cls, value: Names) -> Names:
        return _known(value, ACTIONS, "action")


class Person(Declared):
    """Who has a role; rows and hidden columns narrow the role's further."""

    email: str | None = Field(default=None, description="Their e-mail as the login tells it.")
    group: str | None = Field(default=None, description="A group that the login tells.")
    name: str | None = Field(default=None, description="How approvals.yml calls them.")
    role: str = Field(min_length=1, description="Their role.")
    rows: Rows = Field(default=Rows(), description="Whose rows, of those the role sees.")
    hidden: Names = Field(default=(), description="Columns never seen, besides the role's.")

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if bool(self.email) == bool(self.group):
            raise ValueError("name either an email or a group")
        if self.group and self.name:
            raise ValueError("a group has no name in approvals.yml; leave name out")
        return self

    def is_meant(self, email: str, groups: Iterable[str]) -> bool:
        """Whether a sign-in is this person's or of this group."""
        if self.email:
            return self.email.casefold() == email.casefold()
        return self.group in set(groups)


class AccessPolicy(Declared):
    """The whole policy; see docs/access.md."""

    groups_claim: str = Field(default="groups", description="The claim that lists the groups.")
    roles: dict[str, Role] = Field(min_length=1, description="Roles by name.")
    people: tuple[Person, ...] = Field(default=(), description="The first that fits counts.")
    everyone: str | None = Field(default=None, description="Role of all others who sign in.")

    @model_validator(mode="after")
    def _roles_exist(self) -> Self:
        asked = [one.role for one in self.people] + ([self.everyone] if self.everyone else [])
        for role in asked:
            if role not in self.roles:
                raise ValueError(f"there is no role {role}, {suggest(role, self.roles)}")
        return self

    def viewer(self, claims: Mapping[str, Any]) -> Viewer:
        """The viewer that a sign-in makes.

        Args:
            claims: what the login tells of the person.

        Raises:
            ForbiddenError: the policy knows neither them nor their groups.
        """
        verified = claims.get("email_verified") not in (False, "false")
        email = str(claims.get("email") or "").strip() if verified else ""
        told = claims.get(self.groups_claim) or ()
        groups = {told} if isinstance(told, str) else {str(one) for one in told}
        someone = email or str(claims.get("sub") or "")
        found = next((one for one in self.people if one.is_meant(email, groups)), None)
        role_name = found.role if found else self.everyone
        if not someone or role_name is None:
            raise ForbiddenError(
                f"{someone or 'This account'} has no role here; ask whoever keeps access.yml."
            )
        person = (found.name if found else None) or someone
        viewer = self.viewer_of_role(role_name, person)
        return viewer if found is None else _narrowed(viewer, found)

    def viewer_of_role(self, role: str, person: str) -> Viewer:
        """The viewer that has a role without signing in, such as an API key.

        Raises:
            ForbiddenError: there is no such role (any more).
        """
        if role not in self.roles:
            raise ForbiddenError(f"There is no role {role} in access.yml; ask whoever keeps it.")
        found = self.roles[role]
        return Viewer(person, role, found.pages, found.actions, found.rows.sight(found.hidden))

    def viewer_of_person(self, email: str) -> Viewer:
        """The viewer that a person is whom the policy names; nobody is asked to sign in.

        Raises:
            ForbiddenError: the policy names no such person (any more).
        """
        found = next((one for one in self.people if one.email and one.is_meant(email, ())), None)
        if found is None:
            raise ForbiddenError(f"{email} is not among the people in access.yml; add them.")
        return _narrowed(self.viewer_of_role(found.role, found.name or email), found)


def policy_path(settings: Settings) -> Path | None:
    """`access.yml` beside fourflow.yml or in home; None when there is none."""
    return settings.beside_configuration(POLICY_NAME)


def load_access_policy(settings: Settings) -> AccessPolicy:
    """The policy in force, read anew when its file changes.

    Raises:
        InputError: there is none, or it can't be read or contradicts itself.
    """
    path = policy_path(settings)
    if path is None:
        raise InputError(
            f"A login is set up and {settings.root / POLICY_NAME} is missing, so nobody has a "
            "role; write it as docs/access.md says."
        )
    found = path.stat()
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, changed_at: int, size: int) -> AccessPolicy:
    del changed_at, size  # only to be read anew
    return read_access_policy(path)


def read_access_policy(path: Path) -> AccessPolicy:
    """Read one file.

    Raises:
        InputError: it can't be read or contradicts itself; names file, line and key.
    """
    document = read_document(path)
    try:
        return AccessPolicy.model_validate(document.content)
    except ValidationError as error:
        problem = mistakes_of(AccessPolicy, error)[0]
        raise InputError(
            f"{document.where(problem['loc'])}: {describe_mistake(AccessPolicy, problem)}; "
            "correct it."
        ) from None


def _narrowed(viewer: Viewer, person: Person) -> Viewer:
    return replace(viewer, sight=viewer.sight.narrowed(person.rows.sight(person.hidden)))


def _known(value: Names, known: Iterable[str], kind: str) -> Names:
    names = list(known)
    for one in value:
        if not any(fnmatchcase(name, one) for name in names):
            raise ValueError(f"there is no {kind} {one}, {suggest(one, names)}")
    return value
