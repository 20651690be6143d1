"""Whose accounts are one person's, when people decide it: merging, splitting and undoing.

A decision says of two accounts that they are one person, or never are. It is kept as a label with
what was known of both accounts at that time, and counts from the next run on
(`int_identity_decisions`): it wins over every rule and model. Nothing is erased: undoing is another
row, after which the decision counts as never made.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import identity_decisions
from connectors.errors import InputError
from orchestration.snapshot import Snapshot

ACCOUNTS, LINKS, CONFLICTS = "person_accounts", "fct_identity_links", "rpt_identity_conflicts"
SAME, DIFFERENT, UNDONE = "same", "different", "undone"
Agreement = Literal["same", "different", "unknown"]
_LOCK = 4_044_044_060
_MOST_PAIRS = 200
_COMPARED = ("name", "phone", "email")
Pair = tuple[str, str]
_Said = tuple[str, str, str, datetime]  # what, by whom, why, when


@dataclass(frozen=True)
class Account:
    """One customer account, and the person that the publication takes it for."""

    customer_key: str
    person_key: str
    business: str
    source: str
    channel: str
    province: str | None
    registered_at: datetime | None
    first_order_at: datetime | None
    last_order_at: datetime | None
    order_count: int
    net_amount: Decimal
    currency_code: str | None
    rfm_segment: str | None


@dataclass(frozen=True)
class Link:
    """What says that two accounts are one person."""

    customer_key_a: str
    customer_key_b: str
    rule: str
    match_probability: Decimal
    evidence: str
    is_used: bool
    refused_because: str | None


@dataclass(frozen=True)
class Decision:
    """One pair of an act.

    Attributes:
        effect: `in_force` in this publication, `waiting` for the next run, `undone`, `replaced` by
            a later decision about the pair, or `without_effect`, because another decision or a
            limit stands against it.
    """

    decision_id: int
    act_id: str
    business: str
    customer_key_a: str
    customer_key_b: str
    decision: str
    decided_by: str
    decided_at: datetime
    reason: str
    effect: str


@dataclass(frozen=True)
class PairEvidence:
    """All that is known of two accounts and of whether they are one person.

    Attributes:
        accounts: the two first, then the others of the people that they belong to.
        agreement: by what accounts tell (name, phone, email): same, different or unknown.
        links: between any of these accounts, the strongest first.
        decisions: about any of these accounts, the newest first.
        newest: the newest decision about any of them; whoever decides gives back the one they saw.
    """

    accounts: tuple[Account, ...]
    agreement: dict[str, Agreement]
    links: tuple[Link, ...]
    decisions: tuple[Decision, ...]

    @property
    def pair(self) -> Pair:
        """Both keys, in order."""
        first, second = sorted(one.customer_key for one in self.accounts[:2])
        return first, second

    @property
    def is_one_person(self) -> bool:
        """Whether the publication takes both for one person."""
        return self.accounts[0].person_key == self.accounts[1].person_key

    @property
    def newest(self) -> int:
        """The newest row about any of the accounts; 0 when there is none."""
        return max((one.decision_id for one in self.decisions), default=0)


def find_accounts(lake: Snapshot, keys: Iterable[str]) -> list[Account]:
    """Accounts by key, with all other accounts of the same people, sorted by person and key."""
    wanted = list(keys)
    if not wanted or ACCOUNTS not in lake.tables():
        return []
    found = lake.rows(
        """
        select
            accounts.customer_key, accounts.person_key, accounts.business, customers.source,
            customers.channel, customers.province, customers.registered_at,
            customers.first_order_at, customers.last_order_at,
            coalesce(customers.rfm_frequency, 0) as order_count,
            coalesce(customers.rfm_monetary, 0) as net_amount, customers.currency_code,
            customers.rfm_segment
        from person_accounts as accounts
        inner join dim_customers as customers on accounts.customer_key = customers.customer_key
        where accounts.person_key in (
            select person_key from person_accounts where list_contains($keys, customer_key)
        )
        order by accounts.person_key, accounts.customer_key
        """,
        {"keys": wanted},
    )
    return [Account(**row) for row in found]


def pair_evidence(engine: Engine, lake: Snapshot, pair: Pair) -> PairEvidence:
    """What is known of two accounts.

    Raises:
        InputError: an account is not there, or they are of two businesses.
    """
    around = find_accounts(lake, pair)
    first, second = _pair_of(around, pair)
    others = [one for one in around if one.customer_key not in pair]
    keys = [one.customer_key for one in around]
    return PairEvidence(
        accounts=(first, second, *others),
        agreement=_agreement(lake, pair),
        links=_links(lake, keys),
        decisions=tuple(list_decisions(engine, lake, keys=keys)),
    )


def merge(
    engine: Engine,
    lake: Snapshot,
    pair: Pair,
    *,
    person: str,
    reason: str,
    now: datetime,
    seen: int | None = None,
) -> str:
    """Somebody decides that two accounts are one person.

    Args:
        engine: the operational database.
        lake: the published snapshot in which they were looked at.
        pair: keys of the accounts.
        person: who decides.
        reason: why.
        now: the time of it.
        seen: `PairEvidence.newest` as that person saw it; None: not compared.

    Returns:
        The id of the act, by which it is undone.

    Raises:
        InputError: no name or reason, unknown accounts, accounts of two businesses or of one person
            already, a decision that stands against it, or somebody else was faster.
    """
    _require(person, reason)
    evidence = pair_evidence(engine, lake, pair)
    _refuse_what_stands_against(evidence)
    if evidence.is_one_person and not _waits(evidence, DIFFERENT):
        raise InputError(f"{pair[0]} and {pair[1]} are one person already.")
    return _record(engine, lake, [evidence], (SAME, person, reason, now), seen)


def split(
    engine: Engine,
    lake: Snapshot,
    accounts: Sequence[str],
    *,
    person: str,
    reason: str,
    now: datetime,
    seen: int | None = None,
) -> str:
    """Somebody decides that some accounts of a person belong to somebody else.

    Each of them is parted from each account that stays; what links the parted ones among
    themselves goes on linking them.

    Args:
        engine: the operational database.
        lake: the published snapshot in which they were looked at.
        accounts: keys of the accounts that leave.
        person: who decides.
        reason: why.
        now: the time of it.
        seen: as in `merge`.

    Returns:
        The id of the act, by which it is undone.

    Raises:
        InputError: no name or reason, unknown accounts, accounts of several people, nobody would
            stay, or somebody else was faster.
    """
    _require(person, reason)
    leaving = list(dict.fromkeys(accounts))
    around = find_accounts(lake, leaving)
    _require_known(leaving, [one.customer_key for one in around])
    if len({one.person_key for one in around}) > 1:
        raise InputError(
            "These accounts are several people's; split one person's accounts at a time."
        )
    staying = [one.customer_key for one in around if one.customer_key not in leaving]
    if not staying:
        raise InputError(
            f"{around[0].person_key} would have no account left; name only the accounts that are "
            "somebody else's."
        )
    pairs = list(product(leaving, staying))
    if len(pairs) > _MOST_PAIRS:
        raise InputError(
            f"That is {len(pairs)} pairs of accounts in one decision; split off fewer at a time."
        )
    evidence = [pair_evidence(engine, lake, pair) for pair in pairs]
    return _record(engine, lake, evidence, (DIFFERENT, person, reason, now), seen)


def undo(
    engine: Engine, lake: Snapshot, act_id: str, *, person: str, reason: str, now: datetime
) -> list[Decision]:
    """Somebody takes an act back, their own or another's: from the next run on it never was.

    Raises:
        InputError: no name or reason, no such act, or it is undone already.
    """
    _require(person, reason)
    with write_transaction(engine, lock=_LOCK) as connection:
        rows = [row for row in _rows(connection) if row.act_id == act_id]
        if not rows:
            raise InputError(f"There is no act {act_id[:60]}; see `fourflow people decisions`.")
        taken_back = next((row for row in rows if row.decision == UNDONE), None)
        if taken_back is not None:
            raise InputError(
                f"{taken_back.decided_by} undid {act_id} at {taken_back.decided_at:%Y-%m-%d %H:%M} "
                "UTC already."
            )
        for row in rows:
            told = row._asdict()
            del told["decision_id"]
            said = {"decision": UNDONE, "decided_by": person.strip(), "reason": reason.strip()}
            place = _place_of(lake)
            connection.execute(
                insert(identity_decisions).values(told | said | place | {"decided_at": now})
            )
    return [one for one in list_decisions(engine, lake) if one.act_id == act_id]


def list_decisions(
    engine: Engine, lake: Snapshot, *, keys: Sequence[str] | None = None
) -> list[Decision]:
    """What was decided, the newest first, and whether this publication knows it.

    Args:
        engine: the operational database.
        lake: the published snapshot.
        keys: only what names one of these accounts.
    """
    with engine.connect() as connection:
        rows = _rows(connection)
    undone = {row.act_id for row in rows if row.decision == UNDONE}
    made = [row for row in rows if row.decision != UNDONE]
    newest = {
        (row.customer_key_a, row.customer_key_b): row.decision_id
        for row in made
        if row.act_id not in undone
    }
    shown = [
        row
        for row in made
        if keys is None or row.customer_key_a in keys or row.customer_key_b in keys
    ]
    named = {key for row in shown for key in (row.customer_key_a, row.customer_key_b)}
    person = {one.customer_key: one.person_key for one in find_accounts(lake, named)}
    found = []
    for row in reversed(shown):
        pair = (row.customer_key_a, row.customer_key_b)
        if row.act_id in undone:
            effect = UNDONE
        elif newest[pair] != row.decision_id:
            effect = "replaced"
        else:
            one, other = (person.get(key) for key in pair)
            is_known = None not in (one, other) and (one == other) == (row.decision == SAME)
            is_later = row.decided_at > lake.publication.published_at
            effect = "in_force" if is_known else "waiting" if is_later else "without_effect"
        told = {
            name: getattr(row, name) for name in Decision.__dataclass_fields__ if name != "effect"
        }
        found.append(Decision(**told, effect=effect))
    return found


def _pair_of(found: Iterable[Account], pair: Pair) -> tuple[Account, Account]:
    if pair[0] == pair[1]:
        raise InputError("These are the same account; name two.")
    known = {one.customer_key: one for one in found}
    _require_known(pair, known)
    first, second = known[pair[0]], known[pair[1]]
    if first.business != second.business:
        raise InputError(
            f"{pair[0]} is of {first.business} and {pair[1]} of {second.business}; people are "
            "known within a business only."
        )
    return first, second


def _require(person: str, reason: str) -> None:
    if not person.strip():
        raise InputError("Say who you are: whose accounts are one person's, a person decides.")
    if not reason.strip():
        raise InputError("Say why: the reason is kept with the decision.")


def _require_known(keys: Iterable[str], known: Iterable[str]) -> None:
    missing = next((key for key in keys if key not in set(known)), None)
    if missing is not None:
        raise InputError(
            f"There is no customer account {missing[:100]} in what is published; its key is "
            "`source:channel:buyer id`, as in table person_accounts."
        )


def _agreement(lake: Snapshot, pair: Pair) -> dict[str, Agreement]:
    """Compared as tokens: nobody sees a name or a number."""
    columns = ", ".join(f"{name}_token as {name}" for name in _COMPARED)
    told = lake.rows(
        f"select {columns} from {ACCOUNTS} "  # noqa: S608 - names of our own
        "where list_contains($keys, customer_key)",
        {"keys": list(pair)},
    )
    found: dict[str, Agreement] = {}
    for name in _COMPARED:
        one, other = (row[name] for row in told)
        if one is None or other is None:
            found[name] = "unknown"
        else:
            found[name] = "same" if one == other else "different"
    return found


def _links(lake: Snapshot, keys: Sequence[str]) -> tuple[Link, ...]:
    names = ", ".join(Link.__dataclass_fields__)
    found = lake.rows(
        f"select {names} from {LINKS} "  # noqa: S608 - names of our own
        "where list_contains($keys, customer_key_a) and list_contains($keys, customer_key_b) "
        "order by match_probability desc, rule, customer_key_a, customer_key_b",
        {"keys": list(keys)},
    )
    return tuple(Link(**row) for row in found)


def _waits(evidence: PairEvidence, decision: str) -> bool:
    """Whether such a decision about these accounts counts from the next run on."""
    return any(one.decision == decision and one.effect == "waiting" for one in evidence.decisions)


def _refuse_what_stands_against(evidence: PairEvidence) -> None:
    """A decision that two of their accounts are different would win over the merge."""
    pair, known = set(evidence.pair), {one.customer_key for one in evidence.accounts}
    for one in evidence.decisions:
        ends = {one.customer_key_a, one.customer_key_b}
        if one.decision != DIFFERENT or one.effect not in ("in_force", "waiting") or ends == pair:
            continue
        if ends <= known:
            raise InputError(
                f"{one.decided_by} decided on {one.decided_at:%Y-%m-%d} that {one.customer_key_a} "
                f"and {one.customer_key_b} are different people; undo {one.act_id} first."
            )


def _record(
    engine: Engine, lake: Snapshot, evidence: Sequence[PairEvidence], said: _Said, seen: int | None
) -> str:
    decision, person, reason, now = said
    keys = {one.customer_key for known in evidence for one in known.accounts}
    pairs = [known.pair for known in evidence]
    act_id = _act_id(decision, pairs, now)
    with write_transaction(engine, lock=_LOCK) as connection:
        rows = _rows(connection)
        _refuse_the_slower(rows, keys, seen)
        _refuse_the_same_again(rows, pairs, decision)
        for known, (first, second) in zip(evidence, pairs, strict=True):
            connection.execute(
                insert(identity_decisions).values(
                    act_id=act_id,
                    business=known.accounts[0].business,
                    customer_key_a=first,
                    customer_key_b=second,
                    decision=decision,
                    decided_by=person.strip(),
                    decided_at=now,
                    reason=reason.strip(),
                    evidence=_as_label(known),
                    **_place_of(lake),
                )
            )
    return act_id


def _refuse_the_slower(rows: Sequence[Row[Any]], keys: set[str], seen: int | None) -> None:
    if seen is None:
        return
    for row in rows:
        if row.decision_id > seen and {row.customer_key_a, row.customer_key_b} & keys:
            raise InputError(
                f"{row.decided_by} was faster: {row.customer_key_a} and {row.customer_key_b} were "
                f"called {row.decision} at {row.decided_at:%H:%M} UTC; look at them again."
            )


def _refuse_the_same_again(rows: Sequence[Row[Any]], pairs: Sequence[Pair], decision: str) -> None:
    undone = {row.act_id for row in rows if row.decision == UNDONE}
    newest = {
        (row.customer_key_a, row.customer_key_b): row for row in rows if row.act_id not in undone
    }
    known = [newest[pair] for pair in pairs if pair in newest]
    if len(known) == len(pairs) and all(row.decision == decision for row in known):
        raise InputError(
            f"{known[0].decided_by} decided that at {known[0].decided_at:%Y-%m-%d %H:%M} UTC "
            "already."
        )


def _act_id(decision: str, pairs: Sequence[Pair], now: datetime) -> str:
    content = "|".join(f"{a},{b}" for a, b in sorted(pairs)) + f"|{decision}|{now.isoformat()}"
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _as_label(evidence: PairEvidence) -> dict[str, Any]:
    """What was known when it was decided, as JSON: amounts as exact text, times in ISO."""
    accounts = [
        {
            "customer_key": one.customer_key,
            "person_key": one.person_key,
            "order_count": one.order_count,
            "net_amount": f"{one.net_amount:f}",
            "currency_code": one.currency_code,
        }
        for one in evidence.accounts[:2]
    ]
    links = [
        asdict(one) | {"match_probability": f"{one.match_probability:f}"} for one in evidence.links
    ]
    return {"accounts": accounts, "agreement": evidence.agreement, "links": links}


def _place_of(lake: Snapshot) -> dict[str, Any]:
    publication = lake.publication
    return {"publication_id": publication.publication_id, "snapshot_id": publication.snapshot_id}


def _rows(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(
        select(identity_decisions).order_by(identity_decisions.c.decision_id)
    ).all()
