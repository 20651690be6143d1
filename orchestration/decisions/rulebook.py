"""The rules in force: seeded from the shipped YAML, versioned in the operational database.

Every change is a new version; the highest one is in force. A person's edit is never overwritten by
a newer shipped rule, and switching a rule off survives an upgrade.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, func, insert, select

from connectors.database.engine import write_transaction
from connectors.database.schema import rules
from connectors.errors import InputError
from orchestration.decisions.conditions import closest
from orchestration.decisions.definition import Mode, RuleDefinition, parse_rule, read_rule

SHIPPED_RULES = Path(__file__).resolve().parent / "rules"
_RULES_LOCK = 4_044_044_047
Origin = Literal["shipped", "edited"]


class RuleChangedError(InputError):
    """Somebody else stored a version meanwhile.

    Attributes:
        newest: the version that is in force now.
    """

    def __init__(self, message: str, newest: int) -> None:
        super().__init__(message)
        self.newest = newest


@dataclass(frozen=True)
class RuleVersion:
    """One version of a rule, with who made it and why."""

    definition: RuleDefinition
    version: int
    origin: Origin
    author: str
    reason: str
    created_at: datetime

    @property
    def rule_id(self) -> str:
        """The rule's id."""
        return self.definition.rule_id


@dataclass(frozen=True)
class _Change:
    """Who makes a version, why and when."""

    origin: Origin
    author: str
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class SeedReport:
    """What seeding did, by rule id."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    kept_edits: tuple[str, ...]


def read_rule_folder(folder: Path = SHIPPED_RULES) -> list[RuleDefinition]:
    """All rules of a folder of YAML files, ordered by id.

    Raises:
        InputError: a file has a problem, or two files define the same rule.
    """
    found: dict[str, RuleDefinition] = {}
    for path in sorted(folder.glob("*.yml")):
        rule = read_rule(path)
        if rule.rule_id in found:
            raise InputError(f"The rule {rule.rule_id} is defined twice in {folder.name}/.")
        found[rule.rule_id] = rule
    return [found[rule_id] for rule_id in sorted(found)]


def seed_rules(
    engine: Engine, *, folder: Path = SHIPPED_RULES, now: datetime | None = None
) -> SeedReport:
    """Bring shipped rules into the database: new or changed content becomes the next version."""
    shipped = read_rule_folder(folder)
    moment = now or datetime.now(UTC)
    added, updated, kept = [], [], []
    with write_transaction(engine, lock=_RULES_LOCK) as connection:
        current = {row.rule_id: row for row in connection.execute(_in_force())}
        seeded = _newest_shipped_hashes(connection)
        for rule in shipped:
            newest, content = current.get(rule.rule_id), rule.content_hash()
            if newest is None:
                _insert(connection, rule, 1, _Change("shipped", "fourflow", "shipped", moment))
                added.append(rule.rule_id)
            elif seeded.get(rule.rule_id) == content or newest.content_hash == content:
                continue
            elif newest.content_hash != seeded.get(rule.rule_id):
                kept.append(rule.rule_id)
            else:
                as_switched = rule.model_copy(update={"mode": newest.mode})
                change = _Change("shipped", "fourflow", "the shipped rule changed", moment)
                _insert(connection, as_switched, newest.version + 1, change)
                updated.append(rule.rule_id)
    return SeedReport(tuple(added), tuple(updated), tuple(kept))


def save_rule(
    engine: Engine,
    rule: RuleDefinition,
    *,
    author: str,
    reason: str,
    now: datetime | None = None,
    based_on: int | None = None,
) -> int:
    """Store a person's version of a rule; returns its number (the present one if nothing changed).

    Args:
        engine: the operational database.
        rule: what the rule shall say.
        author: who changes it.
        reason: why.
        now: the time to record.
        based_on: the version that the author looked at, 0 for a new rule; None: don't check.

    Raises:
        InputError: author or reason is empty.
        RuleChangedError: another version than `based_on` is in force.
    """
    if not author.strip() or not reason.strip():
        raise InputError("A change of a rule needs an author and a reason; give both.")
    with write_transaction(engine, lock=_RULES_LOCK) as connection:
        query = _in_force().where(rules.c.rule_id == rule.rule_id)
        newest = connection.execute(query).one_or_none()
        _refuse_overtaken(rule.rule_id, newest, based_on)
        if (
            newest is not None
            and newest.content_hash == rule.content_hash()
            and newest.mode == rule.mode
        ):
            return int(newest.version)
        version = 1 if newest is None else int(newest.version) + 1
        moment = now or datetime.now(UTC)
        change = _Change("edited", author.strip(), reason.strip(), moment)
        _insert(connection, rule, version, change)
    return version


def list_rules(engine: Engine) -> list[RuleVersion]:
    """The version in force of every rule, ordered by id; rules that are off are listed too."""
    with engine.connect() as connection:
        rows = connection.execute(_in_force().order_by(rules.c.rule_id)).all()
    return list(_versions(rows))


def rule_history(engine: Engine, rule_id: str) -> list[RuleVersion]:
    """All versions of one rule, newest first."""
    query = select(rules).where(rules.c.rule_id == rule_id).order_by(rules.c.version.desc())
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return list(_versions(rows))


def find_rule(engine: Engine, rule_id: str, *, version: int | None = None) -> RuleVersion:
    """One rule: the version in force, or the one asked for.

    Raises:
        InputError: there is no such rule, or it has no such version.
    """
    history = rule_history(engine, rule_id)
    if not history:
        with engine.connect() as connection:
            known: list[str] = list(
                connection.execute(select(rules.c.rule_id).distinct()).scalars()
            )
        hint = closest(rule_id, known) or "; see `fourflow rules list`."
        raise InputError(f"There is no rule {rule_id}{hint}")
    if version is None:
        return history[0]
    for one in history:
        if one.version == version:
            return one
    newest = history[0].version
    raise InputError(f"The rule {rule_id} has no version {version}; it has 1 to {newest}.")


def switch_rule(
    engine: Engine,
    rule_id: str,
    mode: Mode,
    *,
    author: str,
    reason: str,
    now: datetime | None = None,
    based_on: int | None = None,
) -> int:
    """Enable or disable a rule, or let it run in shadow; returns the version now in force.

    Raises:
        InputError: there is no such rule, or author or reason is empty.
        RuleChangedError: another version than `based_on` is in force.
    """
    present = find_rule(engine, rule_id)
    rule = present.definition.model_copy(update={"mode": mode})
    base = present.version if based_on is None else based_on
    return save_rule(engine, rule, author=author, reason=reason, now=now, based_on=base)


def roll_back_rule(
    engine: Engine,
    rule_id: str,
    *,
    to_version: int | None = None,
    author: str,
    reason: str,
    now: datetime | None = None,
    based_on: int | None = None,
) -> int:
    """Put an earlier version in force again, as a new version; the rule's mode stays as it is.

    Args:
        engine: the operational database.
        rule_id: the rule.
        to_version: which version; the one before the present content unless given.
        author: who does it.
        reason: why.
        now: the time to record.
        based_on: the version in force that the person looked at; None: the present one.

    Returns:
        The version now in force.

    Raises:
        InputError: there is no such rule or version, or nothing to go back to.
        RuleChangedError: another version than `based_on` is in force.
    """
    history = rule_history(engine, rule_id)
    newest = find_rule(engine, rule_id)
    present = newest.definition
    if to_version is None:
        contents = [
            one for one in history if one.definition.content_hash() != present.content_hash()
        ]
        if not contents:
            raise InputError(f"The rule {rule_id} never said anything else; nothing to go back to.")
        to_version = contents[0].version
    earlier = find_rule(engine, rule_id, version=to_version).definition
    restored = earlier.model_copy(update={"mode": present.mode})
    base = newest.version if based_on is None else based_on
    return save_rule(engine, restored, author=author, reason=reason, now=now, based_on=base)


@dataclass(frozen=True)
class Change:
    """One value that differs between two definitions; None where it is absent."""

    path: str
    before: Any
    after: Any


def compare_rules(before: RuleDefinition, after: RuleDefinition) -> list[Change]:
    """What differs between two definitions, by the path of each value."""
    old, new = _flat(before.stored()), _flat(after.stored())
    return [
        Change(path, old.get(path), new.get(path))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


@dataclass(frozen=True)
class Conflict:
    """Two enabled rules that decide the same about the same kind of subject, and who wins."""

    decides: str
    winner: str
    loser: str


def find_conflicts(found: Sequence[RuleVersion]) -> list[Conflict]:
    """Pairs of active rules that may decide the same about one subject."""
    active = [one.definition for one in found if one.definition.is_active]
    pairs = []
    for number, first in enumerate(active):
        for second in active[number + 1 :]:
            if first.decides and first.decides == second.decides and first.key == second.key:
                ordered = sorted((first, second), key=lambda one: (one.priority, one.rule_id))
                pairs.append(Conflict(first.decides, ordered[0].rule_id, ordered[1].rule_id))
    return sorted(pairs, key=lambda one: (one.decides, one.winner, one.loser))


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        items = [(f"{path}.{name}" if path else str(name), one) for name, one in value.items()]
    elif isinstance(value, list):
        items = [(f"{path}[{number}]", one) for number, one in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for name, one in items:
        found |= _flat(one, name)
    return found


def _refuse_overtaken(rule_id: str, newest: Row[Any] | None, based_on: int | None) -> None:
    """Whoever looked at another version than the one in force must look again."""
    present = 0 if newest is None else int(newest.version)
    if based_on is None or based_on == present:
        return
    if newest is None:
        raise RuleChangedError(f"There is no rule {rule_id} any more; save it as a new one.", 0)
    if based_on == 0:
        raise RuleChangedError(
            f"There is a rule {rule_id} already (version {present}); choose another rule_id.",
            present,
        )
    raise RuleChangedError(
        f"{newest.author} was faster: version {present} of {rule_id} was stored at "
        f"{newest.created_at:%Y-%m-%d %H:%M} UTC ({newest.reason}), you looked at version "
        f"{based_on}; look at the difference and save again.",
        present,
    )


def _in_force() -> Any:
    newest = (
        select(rules.c.rule_id, func.max(rules.c.version).label("version"))
        .group_by(rules.c.rule_id)
        .subquery()
    )
    same = and_(rules.c.rule_id == newest.c.rule_id, rules.c.version == newest.c.version)
    return select(rules).join(newest, same)


def _newest_shipped_hashes(connection: Connection) -> dict[str, str]:
    query = (
        select(rules.c.rule_id, rules.c.content_hash)
        .where(rules.c.origin == "shipped")
        .order_by(rules.c.version)
    )
    return {row.rule_id: row.content_hash for row in connection.execute(query)}


def _insert(connection: Connection, rule: RuleDefinition, version: int, change: _Change) -> None:
    connection.execute(
        insert(rules).values(
            rule_id=rule.rule_id,
            version=version,
            name=rule.name.model_dump(),
            kind=rule.kind,
            definition=rule.stored(),
            content_hash=rule.content_hash(),
            mode=rule.mode,
            **asdict(change),
        )
    )


def _versions(rows: Any) -> Iterator[RuleVersion]:
    for row in rows:
        yield _version(row)


def _version(row: Row[Any]) -> RuleVersion:
    where = f"stored rule {row.rule_id} version {row.version}"
    return RuleVersion(
        definition=parse_rule(row.definition, where=where),
        version=row.version,
        origin=row.origin,
        author=row.author,
        reason=row.reason,
        created_at=row.created_at,
    )
