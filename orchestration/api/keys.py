"""API keys: made once and shown once, kept as hashes, revoked for good.

A key is `ffk_<key id>_<secret>`. The secret has 256 random bits, so one SHA-256 is as good
as a slow hash: there is nothing to guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import api_keys
from connectors.errors import InputError
from orchestration.api.access import API_SCOPES, CUSTOMER_SCOPES, Access

PREFIX = "ffk"


@dataclass(frozen=True)
class KeyRecord:
    """One key as it is kept: everything but the key."""

    name: str
    access: Access
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether it still opens the door."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class NewKey:
    """A key as it is handed out; only now is the key itself known."""

    key_id: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class KeyRequest:
    """What a new key shall be.

    Attributes:
        name: for whom or what it is.
        access: what it may do and see; its key_id is replaced.
        created_by: who makes it.
        valid_for: after that it ends; None: never.
    """

    name: str
    access: Access
    created_by: str
    valid_for: timedelta | None = None


def create_key(engine: Engine, request: KeyRequest, *, now: datetime) -> NewKey:
    """Make a key.

    Raises:
        InputError: it has no name, no scope or an unknown one, an empty list of rows, two places
            in the access policy, would give verdicts for nobody, or is of one customer and would
            see what is of all.
    """
    _check(request)
    access = request.access
    key_id = secrets.token_hex(6)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    with write_transaction(engine) as connection:
        connection.execute(
            insert(api_keys).values(
                key_id=key_id,
                name=request.name.strip(),
                key_hash=_hash(key),
                scopes=list(access.scopes),
                channels=None if access.channels is None else list(access.channels),
                businesses=None if access.businesses is None else list(access.businesses),
                regions=None if access.regions is None else list(access.regions),
                sites=None if access.sites is None else list(access.sites),
                hidden_columns=list(access.hidden_columns),
                role=access.role,
                principal=access.principal,
                person=access.person,
                customer_key=access.customer_key,
                requests_per_minute=access.requests_per_minute,
                created_at=now,
                created_by=request.created_by,
                expires_at=None if request.valid_for is None else now + request.valid_for,
            )
        )
    return NewKey(key_id, key)


def list_keys(engine: Engine) -> list[KeyRecord]:
    """All keys that were ever made, the newest first."""
    query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
    with engine.connect() as connection:
        return [_record(row) for row in connection.execute(query)]


def revoke_key(engine: Engine, key_id: str, *, now: datetime) -> KeyRecord:
    """End a key for good; one that is revoked already stays as it is.

    Raises:
        InputError: there is no such key.
    """
    is_open = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None)
    with write_transaction(engine) as connection:
        connection.execute(update(api_keys).where(is_open).values(revoked_at=now))
    row = _find(engine, key_id)
    if row is None:
        raise InputError(f"There is no API key {key_id}; `fourflow api-keys list` shows all.")
    return _record(row)


def authenticate(engine: Engine, key: str, *, now: datetime) -> Access | None:
    """What a key gives access to; None when it is not one of ours, ended or revoked."""
    prefix, _, rest = key.partition("_")
    key_id = rest.partition("_")[0]
    if prefix != PREFIX or not key.isascii() or not key_id.isalnum():
        return None
    row = _find(engine, key_id)
    if row is None or not hmac.compare_digest(row.key_hash, _hash(key)):
        return None
    record = _record(row)
    return record.access if record.is_good(now) else None


def _check(request: KeyRequest) -> None:
    access = request.access
    if not request.name.strip():
        raise InputError("An API key needs the name of who or what uses it.")
    unknown = [one for one in access.scopes if one not in API_SCOPES]
    if unknown or not access.scopes:
        raise InputError(
            f"{', '.join(unknown) or 'No scope'} can't be given to an API key; "
            f"the scopes are {', '.join(API_SCOPES)}."
        )
    if () in (access.channels, access.businesses, access.regions, access.sites):
        raise InputError("A list of rows that a key may see needs at least one; leave it out.")
    if access.principal and (access.role or access.person):
        raise InputError(
            "A key with a principal has that person's role and gives verdicts in their name; "
            "leave --role and --person out."
        )
    if access.requests_per_minute < 1:
        raise InputError("An API key needs at least one request a minute.")
    if access.customer_key is not None:
        others = [one for one in access.scopes if one not in CUSTOMER_SCOPES]
        if others or not access.customer_key.strip():
            raise InputError(
                f"A key of one customer can have the scopes {' and '.join(CUSTOMER_SCOPES)} only, "
                "and needs a customer_key; nothing else can be told apart by customer."
            )
    answers_for = access.principal or (access.person or "").strip()
    if "decisions:write" in access.scopes and not answers_for:
        raise InputError(
            "A key with decisions:write answers for a person whom the approval policy names; "
            "give --person NAME, or --principal E-MAIL."
        )


def _find(engine: Engine, key_id: str) -> Row[Any] | None:
    with engine.connect() as connection:
        query = select(api_keys).where(api_keys.c.key_id == key_id)
        return connection.execute(query).one_or_none()


def _record(row: Row[Any]) -> KeyRecord:
    access = Access(
        key_id=row.key_id,
        scopes=tuple(row.scopes),
        channels=_names(row.channels),
        businesses=_names(row.businesses),
        regions=_names(row.regions),
        sites=_names(row.sites),
        hidden_columns=tuple(row.hidden_columns),
        role=row.role,
        principal=row.principal,
        person=row.person,
        requests_per_minute=row.requests_per_minute,
        customer_key=row.customer_key,
    )
    return KeyRecord(
        row.name, access, row.created_at, row.created_by, row.expires_at, row.revoked_at
    )


def _names(stored: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if stored is None else tuple(stored)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
