"""What one API key may do and see: its scopes, its place in the access policy, its own limits.

A key is a viewer like a person who signs in: the policy's role (or one of its people) says which
rows and columns it sees at most, its own conditions narrow that further, and whatever it asks is
asked of the lake of that sight (`connectors.lake.permitted`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from connectors.errors import ForbiddenError
from connectors.lake.sight import Sight
from orchestration.access.policy import AccessPolicy
from orchestration.access.viewer import Viewer

ApiScope = Literal[
    "metrics:read",
    "orders:read",
    "orders:write",
    "stock:read",
    "decisions:read",
    "decisions:write",
    "audiences:read",
    "publications:read",
]
CUSTOMER_SCOPES: tuple[ApiScope, ...] = ("orders:read", "orders:write")
DEFAULT_RATE = 600  # requests a minute
API_SCOPES: tuple[ApiScope, ...] = get_args(ApiScope)


@dataclass(frozen=True)
class Access:
    """What the holder of a key may do and see.

    Attributes:
        key_id: which key.
        scopes: what it may do.
        channels: whose rows it sees; None: of all channels that its role sees.
        businesses: whose rows it sees; None: of all businesses that its role sees.
        regions: whose rows it sees; None: of all provinces that its role sees.
        sites: whose rows it sees; None: of all shops and warehouses that its role sees.
        hidden_columns: columns and metrics it never sees, besides those of its role; `*` stands
            for anything.
        role: its role in access.yml.
        principal: the e-mail of the person in access.yml as whom it acts, instead of a role.
        person: for whom it gives verdicts; None: for its principal, or for nobody.
        requests_per_minute: how often it may ask.
        customer_key: the one customer whose orders it sees and places; None: of all that it sees.
    """

    key_id: str
    scopes: tuple[ApiScope, ...]
    channels: tuple[str, ...] | None = None
    businesses: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    hidden_columns: tuple[str, ...] = ()
    role: str | None = None
    principal: str | None = None
    person: str | None = None
    requests_per_minute: int = DEFAULT_RATE
    customer_key: str | None = None

    def own_sight(self) -> Sight:
        """What its own conditions leave."""
        return Sight.of(
            {
                "business": self.businesses,
                "channel": self.channels,
                "region": self.regions,
                "site": self.sites,
            },
            self.hidden_columns,
        )

    def viewer(self, load_policy: Callable[[], AccessPolicy]) -> Viewer:
        """Who it is to the access policy in force; its own conditions narrow what that sees.

        A key that was made before keys had roles sees what its own conditions leave.

        Args:
            load_policy: gives the policy; not called for a key without role and principal.

        Raises:
            ForbiddenError: its role or principal is not in the policy (any more).
        """
        if self.principal:
            viewer = load_policy().viewer_of_person(self.principal)
        elif self.role:
            viewer = load_policy().viewer_of_role(self.role, self.person or "")
        else:
            viewer = Viewer(self.person or "", "", pages=(), actions=("*",))
        return replace(viewer, sight=viewer.sight.narrowed(self.own_sight()))

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
