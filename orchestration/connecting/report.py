"""What `fourflow connector list` and `check` say about platforms, sources and accounts."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.configuration import FILES, Configuration, ConfiguredSource
from connectors.errors import FourflowError, InputError
from connectors.settings import Settings
from connectors.sources.api.connector import (
    AccountConfig,
    find_connector,
    list_connectors,
)
from connectors.sources.api.reading import Reading
from connectors.sources.files.discovery import find_files
from connectors.sources.history import Histories, read_histories
from connectors.sources.mapping import load_source
from orchestration.run_state import utc_now

FILES_TITLE = "Files (CSV, XLSX, JSON lines, Parquet)"
_CHECK_ATTEMPTS = 2


@dataclass(frozen=True)
class AccountFacts:
    """One configured account, or one source of files.

    Attributes:
        source: its name in fourflow.yml.
        account: its name; empty for files.
        loaded_at: when something last landed; None: never.
        cursors: by entity, how far it has been read.
        problems: what is wrong with the source's configuration.
    """

    source: str
    account: str
    loaded_at: datetime | None = None
    cursors: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectorFacts:
    """One connector and what is configured of it."""

    name: str
    title: str
    entities: tuple[str, ...]
    accounts: tuple[AccountFacts, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What a check of one account found, in one sentence."""

    source: str
    account: str
    ok: bool
    verdict: str


def list_facts(settings: Settings, configuration: Configuration) -> list[ConnectorFacts]:
    """Every connector with its accounts, files first, unknown ones of fourflow.yml last."""
    histories = read_histories(settings)
    configured = [source.connector for source in configuration.sources.values()]
    facts = []
    for name in dict.fromkeys([FILES, *list_connectors(), *configured]):
        title, entities = _introduce(name)
        sources = [s for s in configuration.sources.values() if s.connector == name]
        accounts = [account for source in sources for account in _accounts(source, histories)]
        facts.append(ConnectorFacts(name, title, entities, tuple(accounts)))
    return facts


def _introduce(name: str) -> tuple[str, tuple[str, ...]]:
    if name == FILES:
        return FILES_TITLE, ()
    try:
        connector = find_connector(name)
    except (InputError, ImportError, AttributeError) as error:
        return f"can't be used: {error}", ()
    return connector.title, connector.entities


def _accounts(source: ConfiguredSource, histories: Histories) -> Iterator[AccountFacts]:
    if source.connector == FILES:
        history = histories.files.get(source.mapping)
        loaded_at = history.loaded_at if history else None
        yield AccountFacts(source.name, "", loaded_at, problems=source.problems)
        return
    for account in source.accounts:
        history = histories.of_account(source.name, account)
        if history is None:
            yield AccountFacts(source.name, account, problems=source.problems)
        else:
            cursors = dict(history.cursors)
            yield AccountFacts(source.name, account, history.loaded_at, cursors, source.problems)
    if not source.accounts:
        yield AccountFacts(source.name, "", problems=source.problems)


def check_sources(
    settings: Settings, configuration: Configuration, name: str, account: str | None = None
) -> Iterator[Verdict]:
    """Try the accounts of a source, or of all sources of a connector, one after the other.

    Args:
        settings: which dbt project describes files.
        configuration: what is configured.
        name: a source in fourflow.yml, or a connector.
        account: only this one; default all.

    Raises:
        InputError: there is no such source or account.
    """
    sources = [s for s in configuration.sources.values() if name in (s.name, s.connector)]
    if not sources:
        sources = [configuration.source(name)]
    if account is not None:
        sources = [s for s in sources if account in s.accounts or s.problems]
        if not sources:
            raise InputError(f"Source {name} has no account {account!r}; see fourflow.yml.")
    for source in sources:
        for problem in source.problems:
            yield Verdict(source.name, "", False, problem)
        if source.path is not None:
            yield _check_files(settings, source, source.path)
        for each, config in source.accounts.items():
            if account in (None, each):
                yield _check_account(source, each, config)


def _check_files(settings: Settings, source: ConfiguredSource, path: Path) -> Verdict:
    try:
        files = find_files(load_source(settings, source.mapping), path)
    except FourflowError as error:
        return Verdict(source.name, "", False, str(error))
    return Verdict(source.name, "", True, f"Files on offer in {path}: {len(files):,}.")


def _check_account(source: ConfiguredSource, account: str, config: AccountConfig) -> Verdict:
    connector = find_connector(source.connector)
    quick = config.model_copy(update={"attempts": min(config.attempts, _CHECK_ATTEMPTS)})
    reading = Reading(source=source.name, account=account, now=utc_now())
    try:
        verdict = connector.check(quick, reading)
    except FourflowError as error:
        return Verdict(source.name, account, False, str(error))
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Verdict(
            source.name,
            account,
            False,
            f"{source.name} ({account}) answered in a shape that its connector does not know "
            f"({reason}); check base_url.",
        )
    return Verdict(source.name, account, True, verdict)
