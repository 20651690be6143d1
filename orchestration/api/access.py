"""What one API key may do and see: scopes, rows (businesses, channels) and hidden columns.

One rule decides every doubtful case: what can't be restricted to a key's rows is refused to it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from connectors.errors import ForbiddenError

ApiScope = Literal[
    "metrics:read",
    "orders:read",
    "stock:read",
    "decisions:read",
    "decisions:write",
    "audiences:read",
    "publications:read",
]
DEFAULT_RATE = 600  # requests a minute
API_SCOPES: tuple[ApiScope, ...] = get_args(ApiScope)


@dataclass(frozen=True)
class Access:
    """What the holder of a key may do and see.

    Attributes:
        key_id: which key.
        scopes: what it may do.
        channels: whose rows it sees; None: of all channels.
        businesses: whose rows it sees; None: of all businesses.
        hidden_columns: names of columns and metrics it never sees; `*` stands for anything.
        person: for whom it gives verdicts; None: for nobody.
        requests_per_minute: how often it may ask.
    """

    key_id: str
    scopes: tuple[ApiScope, ...]
    channels: tuple[str, ...] | None = None
    businesses: tuple[str, ...] | None = None
    hidden_columns: tuple[str, ...] = ()
    person: str | None = None
    requests_per_minute: int = DEFAULT_RATE

    @property
    def is_restricted(self) -> bool:
        """Whether some rows are hidden from it."""
        return bool(self.row_scope())

    def row_scope(self) -> dict[str, list[str]]:
        """Permitted values by the column that rows are restricted on."""
        permitted = {"business": self.businesses, "channel": self.channels}
        return {name: list(values) for name, values in permitted.items() if values is not None}

    def digest(self) -> str:
        """Changes when what the key sees changes; two keys that see the same have the same."""
        seen = asdict(self)
        for name in ("key_id", "person", "requests_per_minute"):
            del seen[name]
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()

    def require(self, scope: ApiScope) -> None:
        """Refuse what the key may not do.

        Raises:
            ForbiddenError: it lacks the scope.
        """
        if scope not in self.scopes:
            raise ForbiddenError(
                f"This key lacks the scope {scope}; ask for a key that has it "
                f"(`fourflow api-keys create --scope {scope}`)."
            )

    def hides(self, name: str) -> bool:
        """Whether the key never sees a column or metric of that name."""
        return any(fnmatchcase(name.lower(), one.lower()) for one in self.hidden_columns)

    def visible(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are not hidden, in their order."""
        return [name for name in names if not self.hides(name)]

    def require_visible(self, names: Iterable[str]) -> None:
        """Refuse a question about what is hidden, such as a filter on it.

        Raises:
            ForbiddenError: one of the names is hidden.
        """
        hidden = sorted({name for name in names if self.hides(name)})
        if hidden:
            raise ForbiddenError(f"This key may not see {', '.join(hidden)}; leave it out.")

    def conditions(
        self, columns: Collection[str], subject: str
    ) -> tuple[list[str], dict[str, list[str]]]:
        """SQL conditions and their parameters that keep other rows out.

        Args:
            columns: what the table can be restricted on.
            subject: what the table holds, for the refusal.

        Raises:
            ForbiddenError: the table lacks a column that the key is restricted on.
        """
        scope = self.row_scope()
        for name in scope:
            if name not in columns:
                raise ForbiddenError(
                    f"This key sees only its own {name}, and {subject} can't be told apart by "
                    f"{name}."
                )
        return (
            [f"list_contains($scope_{name}, {name})" for name in scope],
            {f"scope_{name}": values for name, values in scope.items()},
        )

    def permits(self, stated: Iterable[Mapping[str, Any]]) -> bool:
        """Whether facts about one thing say that it is among the key's rows, and none denies it."""
        facts = list(stated)
        for name, permitted in self.row_scope().items():
            said = [one[name] for one in facts if one.get(name) is not None]
            if not said or any(value not in permitted for value in said):
                return False
        return True
