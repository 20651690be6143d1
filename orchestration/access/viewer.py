"""One viewer: who it is, which pages and actions are theirs, and what they see of the lake."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from connectors.errors import ForbiddenError
from connectors.lake.sight import EVERYTHING, Sight

Action = Literal[
    "approve",  # give verdicts on decisions, suggestions and orders
    "edit_rules",  # write, enable and disable rules
    "sign_off",  # close a reconciliation or a period
    "merge_customers",  # merge and split identities
    "work_exceptions",  # take, assign and resolve exceptions
    "replay",  # replay quarantined records
    "enter_forms",  # fill in forms: orders and documents of our own
    "save_views",  # keep views and a cockpit
    "download",  # take rows away as files
]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True)
class Viewer:
    """Who looks.

    Attributes:
        person: by which name approvals and the access log know them.
        role: the role that the policy gives.
        pages: patterns of pages.
        actions: patterns of actions.
        sight: rows and columns.
        is_open: nobody signed in, because no login is set up.
    """

    person: str
    role: str
    pages: tuple[str, ...]
    actions: tuple[str, ...]
    sight: Sight = EVERYTHING
    is_open: bool = False

    def may_open(self, page: str) -> bool:
        """Whether a page is theirs."""
        return any(fnmatchcase(page, one) for one in self.pages)

    def may(self, action: Action) -> bool:
        """Whether an action is theirs."""
        return any(fnmatchcase(action, one) for one in self.actions)

    def require(self, action: Action) -> None:
        """Refuse what is not theirs.

        Raises:
            ForbiddenError: the role lacks the action.
        """
        if not self.may(action):
            raise ForbiddenError(
                f"Your role {self.role} may not {action.replace('_', ' ')}; ask whoever keeps "
                "access.yml."
            )


OPEN_VIEWER = Viewer("local", "open", ("*",), ("*",), is_open=True)
"""Whoever sits at the machine, as long as no login is set up."""
