"""Signed links with which one person answers about one decision once, for instance on a phone.

A link is a row of its own, so it is used once; its address is signed, so nobody can make or change
one; it ends by itself; every visit is kept, forged ones too; who tries too often has to wait.
Opening it changes nothing (mail scanners do that): only the form on the page answers.
"""

import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature
from sqlalchemy import Engine, Row, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import approval_link_visits, approval_links, approvals
from connectors.errors import InputError
from connectors.settings import Settings
from orchestration.decisions.approvals.policy import ApprovalPolicy, load_approval_policy
from orchestration.decisions.approvals.verdicts import (
    Answer,
    ApprovalState,
    Verdict,
    find_approval,
    give_verdict,
)
from orchestration.decisions.ledger import Decision, find_decision
from orchestration.signed_links import TokenSigner, key_for

logger = logging.getLogger(__name__)
_PURPOSE = "fourflow approval link"


class Refusal(StrEnum):
    """Why a link is not followed; kept with every visit."""

    FORGED = "forged"
    EXPIRED = "expired"
    USED = "used_before"
    TOO_MANY = "too_many"


class RefusedLinkError(Exception):
    """This link is not followed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True)
class LinkPolicy:
    """How long links live, and how often one visitor may try.

    Attributes:
        valid_for: a link ends then, and never after its request's time limit.
        visits: most visits of one visitor in the span, good and bad ones.
        span: the time over which visits are counted.
    """

    valid_for: timedelta = timedelta(hours=24)
    visits: int = 30
    span: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class Link:
    """A link as it is handed out; only now is its address known."""

    decision_id: str
    approver: str
    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Invitation:
    """What the holder of a link sees."""

    decision: Decision
    approval: ApprovalState
    approver: str


class ApprovalLinks:
    """Issues links and follows them."""

    def __init__(
        self,
        engine: Engine,
        approvals_policy: ApprovalPolicy,
        *,
        key: str,
        base_url: str,
        zone: ZoneInfo,
        policy: LinkPolicy | None = None,
    ) -> None:
        self._engine = engine
        self._approvals = approvals_policy
        self._key = key.encode()
        self._base_url = base_url.rstrip("/")
        self._zone = zone
        self._policy = policy or LinkPolicy()
        self._signer = TokenSigner(key, _PURPOSE)

    def issue(self, decision_id: str, approver: str, *, now: datetime) -> Link:
        """Make a link for one person.

        Raises:
            InputError: nobody is asked about the decision, or no name was given.
        """
        name = approver.strip()
        if not name:
            raise InputError("A link needs the name of the person it is for.")
        with write_transaction(self._engine) as connection:
            query = select(approvals.c.due_at).where(
                approvals.c.decision_id == decision_id, approvals.c.state == "awaiting"
            )
            due_at: datetime | None = connection.execute(query).scalar_one_or_none()
            if due_at is None:
                raise InputError(f"Nobody is asked about decision {decision_id[:12]}.")
            link_id = secrets.token_urlsafe(16)
            expires_at = min(now + self._policy.valid_for, due_at)
            connection.execute(
                insert(approval_links).values(
                    link_id=link_id,
                    decision_id=decision_id,
                    approver=name,
                    issued_at=now,
                    expires_at=expires_at,
                )
            )
        url = f"{self._base_url}/approvals/{self._signer.sign(link_id)}"
        return Link(decision_id, name, url, expires_at)

    def open(self, token: str, visitor: str, *, now: datetime) -> Invitation:
        """What the link is about; nothing changes.

        Raises:
            RefusedLinkError: it is forged, expired, used, or the visitor tries too often.
        """
        link = self._follow(token, visitor, now)
        self._log(link.link_id, visitor, "opened", now)
        approval = find_approval(self._engine, link.decision_id)
        if approval is None:  # an approval is never deleted
            raise RefusedLinkError(Refusal.EXPIRED)
        return Invitation(find_decision(self._engine, link.decision_id), approval, link.approver)

    def answer(
        self, token: str, visitor: str, answer: Answer, reason: str, *, now: datetime
    ) -> ApprovalState:
        """Give the verdict of the link's owner; the link is used up by it.

        Raises:
            RefusedLinkError: it is forged, expired, used, or the visitor tries too often.
            InputError: the verdict can't be taken, such as without a reason; the link stays good.
        """
        link = self._follow(token, visitor, now)
        if not self._use(link.link_id, now):
            raise self._refuse(Refusal.USED, link.link_id, visitor, now)
        verdict = Verdict(answer, link.approver, reason, "link")
        try:
            state = give_verdict(
                self._engine,
                self._approvals,
                link.decision_id,
                verdict,
                now=now,
                zone=self._zone,
            )
        except InputError:
            self._use(link.link_id, None)
            self._log(link.link_id, visitor, "not_taken", now)
            raise
        self._log(link.link_id, visitor, f"{answer}d" if answer == "approve" else "rejected", now)
        return state

    def visitor(self, address: str) -> str:
        """Who visits, as a keyed hash: addresses of people are not kept."""
        return hmac.new(self._key, f"visitor {address}".encode(), "sha256").hexdigest()[:32]

    def _follow(self, token: str, visitor: str, now: datetime) -> Row[Any]:
        if self._tries_too_often(visitor, now):
            raise self._refuse(Refusal.TOO_MANY, None, visitor, now)
        try:
            link_id = str(self._signer.read(token))
        except BadSignature:
            raise self._refuse(Refusal.FORGED, None, visitor, now) from None
        with self._engine.connect() as connection:
            query = select(approval_links).where(approval_links.c.link_id == link_id)
            link = connection.execute(query).one_or_none()
        if link is None:
            raise self._refuse(Refusal.FORGED, None, visitor, now)
        if link.used_at is not None:
            raise self._refuse(Refusal.USED, link_id, visitor, now)
        if link.expires_at <= now:
            raise self._refuse(Refusal.EXPIRED, link_id, visitor, now)
        return link

    def _tries_too_often(self, visitor: str, now: datetime) -> bool:
        visits = select(func.count()).where(
            approval_link_visits.c.visitor == visitor,
            approval_link_visits.c.happened_at > now - self._policy.span,
            approval_link_visits.c.outcome != str(Refusal.TOO_MANY),
        )
        with self._engine.connect() as connection:
            return bool(connection.execute(visits).scalar_one() >= self._policy.visits)

    def _use(self, link_id: str, moment: datetime | None) -> bool:
        """Use the link up (at a moment), or give it back (None); False when it was used."""
        change = update(approval_links).where(approval_links.c.link_id == link_id)
        if moment is not None:
            change = change.where(approval_links.c.used_at.is_(None))
        with write_transaction(self._engine) as connection:
            return connection.execute(change.values(used_at=moment)).rowcount == 1

    def _refuse(
        self, refusal: Refusal, link_id: str | None, visitor: str, now: datetime
    ) -> RefusedLinkError:
        logger.warning("an approval link was refused: %s", refusal)
        if refusal is not Refusal.TOO_MANY:  # who floods must not fill the table
            self._log(link_id, visitor, str(refusal), now)
        return RefusedLinkError(refusal)

    def _log(self, link_id: str | None, visitor: str, outcome: str, now: datetime) -> None:
        with write_transaction(self._engine) as connection:
            connection.execute(
                insert(approval_link_visits).values(
                    link_id=link_id, visitor=visitor, outcome=outcome, happened_at=now
                )
            )


def links_from_settings(settings: Settings, engine: Engine) -> ApprovalLinks:
    """The links of this installation."""
    return ApprovalLinks(
        engine,
        load_approval_policy(settings),
        key=key_for(_PURPOSE, settings),
        base_url=settings.public_url,
        zone=ZoneInfo(settings.business_time_zone),
    )


def refusals(engine: Engine, *, since: datetime | None = None) -> Mapping[str, int]:
    """How many visits to links were refused, by reason."""
    start = since or datetime(1970, 1, 1, tzinfo=UTC)
    query = (
        select(approval_link_visits.c.outcome, func.count().label("number"))
        .where(
            approval_link_visits.c.outcome.in_([str(one) for one in Refusal]),
            approval_link_visits.c.happened_at >= start,
        )
        .group_by(approval_link_visits.c.outcome)
    )
    with engine.connect() as connection:
        return {row.outcome: int(row.number) for row in connection.execute(query)}
