"""The approval policy: tiers by amount, who has which role, time limits and four eyes."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from connectors.declarations import Declared, read_declared
from connectors.settings import Settings

SHIPPED_POLICY = Path(__file__).with_name("approval_policy.yml")
POLICY_NAME = "approvals.yml"
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)]


class Tier(Declared):
    """One step of the ladder."""

    tier: str = Field(min_length=1, description="Name of the tier.")
    role: str = Field(min_length=1, description="Who approves.")
    up_to: Amount | None = Field(default=None, description="Largest amount; none: no limit.")
    hours: int = Field(ge=1, description="Time to answer before the next tier is asked.")


@dataclass(frozen=True)
class Requirement:
    """Who must approve one decision.

    Attributes:
        tier: the tier's name.
        role: who approves.
        needed: how many different people.
        time_limit: after which the next tier is asked.
    """

    tier: str
    role: str
    needed: int
    time_limit: timedelta


class ApprovalPolicy(Declared):
    """The whole policy; see approval_policy.yml for what each part means."""

    kinds: tuple[str, ...] = Field(default=(), description="Kinds that need an approval.")
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$", description="Of all amounts here.")
    tiers: tuple[Tier, ...] = Field(min_length=1, description="Smallest amount first.")
    four_eyes_above: Amount | None = Field(default=None, description="From here on two people.")
    people: dict[str, tuple[str, ...]] = Field(default={}, description="Names by role.")

    @model_validator(mode="after")
    def _tiers_are_a_ladder(self) -> Self:
        *bounded, last = self.tiers
        limits = [tier.up_to for tier in bounded]
        if last.up_to is not None:
            raise ValueError("the last tier has up_to; leave it out, or no one may approve more")
        known = [limit for limit in limits if limit is not None]
        if len(known) < len(limits) or known != sorted(set(known)):
            raise ValueError("the tiers' up_to must grow from one to the next")
        names = [tier.tier for tier in self.tiers]
        if len(set(names)) < len(names):
            raise ValueError("two tiers have the same name")
        return self

    def requirement(
        self, kind: str, amount: Decimal | None, currency_code: str | None, role: str | None
    ) -> Requirement | None:
        """Who must approve; None: nobody.

        Args:
            kind: of the rule.
            amount: money at stake; without one the lowest tier answers.
            currency_code: of the amount; in another currency than the policy's it cannot be
                compared, so the highest tier answers, and two people.
            role: whom the rule asks (`request_approval`); None: the tiers say, by kind.
        """
        if role is None and kind not in self.kinds:
            return None
        is_foreign = amount is not None and currency_code != self.currency
        tier = self.tiers[-1] if is_foreign else self._tier_of(amount or Decimal(0))
        needed = self._people_needed(amount, is_foreign)
        own = next((one for one in self.tiers if one.role == role), None)
        if role is None or own is not None:
            return self._requirement(own or tier, needed)
        return Requirement(role, role, needed, timedelta(hours=tier.hours))

    def next_after(self, tier: str, needed: int) -> Requirement | None:
        """Who is asked when nobody of this tier answered in time; None after the last one."""
        names = [one.tier for one in self.tiers]
        if tier not in names:
            return self._requirement(self.tiers[-1], needed)
        place = names.index(tier) + 1
        return self._requirement(self.tiers[place], needed) if place < len(names) else None

    def may_approve(self, person: str, role: str) -> bool:
        """Whether a person has the role, or one of a higher tier."""
        roles = [tier.role for tier in self.tiers]
        enough = roles[roles.index(role) :] if role in roles else [role]
        if not self.people.get(role):
            return True
        return any(person in self.people.get(one, ()) for one in enough)

    def _tier_of(self, amount: Decimal) -> Tier:
        fits = (tier for tier in self.tiers if tier.up_to is None or abs(amount) <= tier.up_to)
        return next(fits)

    def _people_needed(self, amount: Decimal | None, is_foreign: bool) -> int:
        limit = self.four_eyes_above
        if limit is None or amount is None:
            return 1
        return 2 if is_foreign or abs(amount) > limit else 1

    def _requirement(self, tier: Tier, needed: int) -> Requirement:
        return Requirement(tier.tier, tier.role, needed, timedelta(hours=tier.hours))


def load_approval_policy(settings: Settings) -> ApprovalPolicy:
    """The policy in force: `approvals.yml` beside fourflow.yml or in home, else the shipped one.

    Raises:
        InputError: the file cannot be read or contradicts itself.
    """
    return read_approval_policy(settings.beside_configuration(POLICY_NAME) or SHIPPED_POLICY)


def read_approval_policy(path: Path) -> ApprovalPolicy:
    """Read one file.

    Raises:
        InputError: the file cannot be read or contradicts itself; names file, line and key.
    """
    return read_declared(ApprovalPolicy, path)
