"""`fourflow.yml`: what a real shop reads, when, and where decisions go.

The models here are the whole vocabulary of the file. A mistake in it is an InputError; a mistake
inside one source (a misspelt key, a missing secret) is that source's problem and leaves the others
usable. What the file says about the business, the sinks and the policies is read through
`connectors.settings`, where the environment can override it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from croniter import croniter
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator

from connectors.declarations import (
    Declared,
    Document,
    Place,
    as_clause,
    describe_mistake,
    dotted,
    kind_below,
    known_time_zone,
    mistakes_of,
    read_document,
    suggest,
    without_none,
)
from connectors.errors import InputError
from connectors.secrets_file import is_secret_name
from connectors.settings import Settings
from connectors.sinks.declared import (
    INLINE_REFUSED,
    NO_VARIABLE_NAME,
    Sinks,
    TargetEntry,
)
from connectors.sinks.platform import TARGETS, find_platform
from connectors.sources.api.connector import AccountConfig, find_connector, list_connectors
from connectors.sources.mapping import load_source

FILES = "files"
ModelT = TypeVar("ModelT", bound=BaseModel)
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _known_schedule(text: str | None) -> str | None:
    if text is not None and (len(text.split()) != 5 or not croniter.is_valid(text)):
        raise ValueError(f"{text!r} is not a cron schedule such as */15 * * * * (every 15 minutes)")
    return text


class Business(Declared):
    """The business as a whole."""

    time_zone: str = Field(
        default="Asia/Shanghai",
        description="Zone of business dates and of times shown to people, such as Europe/Berlin.",
    )
    calendar: str = Field(
        default="cn",
        pattern="^[a-z]{2}$",
        description="Country whose public holidays count, as ISO 3166 in lower case.",
    )
    currency: str = Field(
        default="CNY", pattern="^[A-Z]{3}$", description="Currency of the business, as ISO 4217."
    )

    _zone = field_validator("time_zone")(known_time_zone)


class Schedules(Declared):
    """When `fourflow up` works, in the business time zone; cron: minute hour day month weekday."""

    daily: str = Field(default="0 5 * * *", description="The full pass: every source is read.")
    micro_batch: str = Field(
        default="*/5 * * * *",
        description="How often a pass starts if files or pushes brought something.",
    )
    deliveries: str = Field(
        default="*/5 * * * *", description="How often decisions that are due are delivered."
    )
    maintenance: str = Field(
        default="30 3 * * *", description="Compaction of the lake; best when nobody works."
    )
    source_check: str = Field(
        default="30 6 * * *",
        description="How often sources are asked anew what they have, to compare with the lake.",
    )

    _cron = field_validator("daily", "micro_batch", "deliveries", "maintenance", "source_check")(
        _known_schedule
    )


class Policies(Declared):
    """How long things are kept and waited for."""

    publication_retention_days: int = Field(
        default=30,
        ge=1,
        description="For how many days the last publication of each day can be opened again.",
    )
    publication_retention_count: int = Field(
        default=20, ge=1, description="How many of the newest publications are kept in any case."
    )
    lock_timeout_seconds: float = Field(
        default=900.0, ge=0, description="How long a writing step waits for the lake's writer lock."
    )
    memory_limit: str = Field(
        default="",
        description="DuckDB memory limit of writing steps, such as 8GB; empty: DuckDB's own.",
    )
    threads: int = Field(
        default=0, ge=0, description="Processor threads of a query; 0: one for each core."
    )


class FilesEntry(Declared):
    """A source that is a folder of files, or one file."""

    connector: str = Field(description="`files`.")
    path: str = Field(
        min_length=1, description="The file or folder; a relative one counts from this file."
    )
    source: str | None = Field(
        default=None,
        description="The mapping in dbt_project/models/staging that describes the files; "
        "default: the entry's own name.",
    )
    schedule: str | None = Field(
        default=None, description="Cron of its own; default: whenever something new is there."
    )

    _cron = field_validator("schedule")(_known_schedule)


class PlatformEntry(Declared):
    """A source that is a platform, with one or more accounts."""

    connector: str | None = Field(
        default=None, description="Which platform; default: the entry's own name."
    )
    schedule: str | None = Field(default=None, description="Cron of its own; default: daily.")
    accounts: dict[str, Any] = Field(
        min_length=1,
        description="By account name (for shops the channel): what the connector's README names.",
    )

    _cron = field_validator("schedule")(_known_schedule)


class ConfigurationFile(Declared):
    """All of `fourflow.yml`."""

    business: Business = Field(default=Business(), description="The business as a whole.")
    schedules: Schedules = Field(default=Schedules(), description="When `fourflow up` works.")
    sources: dict[str, Any] = Field(default={}, description="What is read, by name.")
    sinks: Sinks = Field(default=Sinks(), description="Where decisions go.")
    policies: Policies = Field(
        default=Policies(), description="How long things are kept and waited for."
    )

    @model_validator(mode="before")
    @classmethod
    def _an_empty_part_is_left_out(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: part for key, part in value.items() if part is not None}
        return value


@dataclass(frozen=True)
class ConfiguredSource:
    """One source, as far as it can be used.

    Attributes:
        name: of the source; prefix of its bronze tables unless it is files with a `mapping`.
        connector: `files`, or the platform.
        schedule: cron of its own in the business time zone; None: the daily pass.
        accounts: usable accounts of a platform, secrets resolved.
        path: the file or folder of files.
        mapping: which source of the dbt project describes the files.
        problems: what is wrong, one sentence each; whatever has a problem is not among `accounts`
            and `path`.
    """

    name: str
    connector: str
    schedule: str | None = None
    accounts: Mapping[str, AccountConfig] = field(default_factory=dict)
    path: Path | None = None
    mapping: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether anything of it can be read."""
        return bool(self.accounts) or self.path is not None


@dataclass(frozen=True)
class Configuration:
    """What is read and when, and where decisions go.

    Attributes:
        path: None when there is no `fourflow.yml`.
        sources: what is read, by name.
        schedules: when.
        sinks: where decisions go, as the file says it.
        targets: the usable accounts of sinks that are business systems, secrets resolved.
        target_problems: what is wrong with the others, one sentence each.
    """

    path: Path | None
    sources: Mapping[str, ConfiguredSource]
    schedules: Schedules
    sinks: Sinks
    targets: Mapping[str, Mapping[str, BaseModel]] = field(default_factory=dict)
    target_problems: tuple[str, ...] = ()

    def source(self, name: str) -> ConfiguredSource:
        """The source of that name.

        Raises:
            InputError: there is none.
        """
        if name in self.sources:
            return self.sources[name]
        place = f"in {self.path}" if self.path else "configured"
        raise InputError(f"There is no source {name!r} {place}; {suggest(name, self.sources)}.")

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with any of the sources."""
        return tuple(text for source in self.sources.values() for text in source.problems)


def load_configuration(settings: Settings) -> Configuration:
    """Read `fourflow.yml` and the files that `fourflow run --source` added.

    Raises:
        InputError: the file as a whole can't be used; names the file, the line, and the right key.
    """
    path = settings.configuration_path
    document = read_document(path) if path else Document(settings.root, {}, {})
    try:
        whole = ConfigurationFile.model_validate(document.content)
    except ValidationError as error:
        first, *others = mistakes_of(ConfigurationFile, error)
        more = f" ({len(others)} more after that)" if others else ""
        reason = describe_mistake(ConfigurationFile, first)
        raise InputError(f"{document.where(first['loc'])}: {reason}{more}.") from error
    reader = _Reader(settings, document)
    sources = {name: reader.source(name, entry) for name, entry in whole.sources.items()}
    for name, location in remembered_files(settings).items():
        sources[name] = reader.with_files(sources.get(name), name, location)
    targets, problems = reader.targets(whole.sinks)
    return Configuration(path, sources, whole.schedules, whole.sinks, targets, problems)


class _Mistakes(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with one source or account, one sentence each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


class _Reader:
    """Validates sources one by one, so that each keeps its problems to itself."""

    def __init__(self, settings: Settings, document: Document) -> None:
        self._settings = settings
        self._document = document

    def source(self, name: str, entry: Any) -> ConfiguredSource:
        """One entry under `sources`."""
        place: Place = ("sources", name)
        entry = {} if entry is None else entry
        connector = str(entry.get("connector") or name) if isinstance(entry, dict) else name
        try:
            self._check_shape(name, entry, place)
            if connector == FILES:
                return self._files(name, self._validated(FilesEntry, entry, place))
            config = self._account_model(connector, place)
            platform = self._validated(PlatformEntry, entry, place)
        except _Mistakes as mistakes:
            return ConfiguredSource(name, connector, problems=tuple(mistakes.sentences))
        return self._platform(name, connector, platform, config)

    def targets(self, sinks: Sinks) -> tuple[dict[str, dict[str, BaseModel]], tuple[str, ...]]:
        """The accounts of sinks that are business systems, and what is wrong with others."""
        found: dict[str, dict[str, BaseModel]] = {}
        problems: list[str] = []
        for name in TARGETS:
            entry: TargetEntry | None = getattr(sinks, name)
            for account, keys in (entry.accounts if entry else {}).items():
                place: Place = ("sinks", name, "accounts", account)
                model = find_platform(name).config
                try:
                    made = self._account(model, {} if keys is None else keys, place)
                    found.setdefault(name, {})[account] = made
                except _Mistakes as mistakes:
                    problems += mistakes.sentences
        return found, tuple(problems)

    def with_files(
        self, declared: ConfiguredSource | None, name: str, location: Path
    ) -> ConfiguredSource:
        """The source with the path that `fourflow run --source` gave it last."""
        if declared is None or (declared.connector == FILES and not declared.problems):
            mapping = declared.mapping if declared else name
            schedule = declared.schedule if declared else None
            try:
                load_source(self._settings, mapping)
            except InputError as error:
                return ConfiguredSource(name, FILES, schedule, problems=(str(error),))
            return ConfiguredSource(name, FILES, schedule, path=location, mapping=mapping)
        if declared.connector == FILES:
            return declared
        problem = (
            f"Source {name} is the platform {declared.connector}, but {_memory(self._settings)} "
            "gives it a path of files; delete that line."
        )
        return replace(declared, problems=(*declared.problems, problem))

    def _check_shape(self, name: str, entry: Any, place: Place) -> None:
        if not _SOURCE_NAME.fullmatch(name):
            reason = f"`{dotted(place)}`: a name has small letters, digits and _ only"
            raise _Mistakes([self._say(place, reason)])
        if not isinstance(entry, dict):
            raise _Mistakes([self._say(place, f"`{dotted(place)}`: must be a mapping of keys")])

    def _files(self, name: str, entry: FilesEntry) -> ConfiguredSource:
        mapping = entry.source or name
        try:
            load_source(self._settings, mapping)
        except InputError as error:
            problem = self._say(("sources", name), f"`sources.{name}`: {as_clause(str(error))}")
            return ConfiguredSource(name, FILES, entry.schedule, problems=(problem,))
        path = self._document.path.parent / Path(entry.path).expanduser()
        return ConfiguredSource(name, FILES, entry.schedule, path=path.resolve(), mapping=mapping)

    def _platform(
        self, name: str, connector: str, entry: PlatformEntry, config: type[AccountConfig]
    ) -> ConfiguredSource:
        accounts: dict[str, AccountConfig] = {}
        problems: list[str] = []
        for account, keys in entry.accounts.items():
            place: Place = ("sources", name, "accounts", account)
            try:
                accounts[account] = self._account(config, {} if keys is None else keys, place)
            except _Mistakes as mistakes:
                problems += mistakes.sentences
        return ConfiguredSource(name, connector, entry.schedule, accounts, problems=tuple(problems))

    def _account(self, model: type[ModelT], keys: Any, place: Place) -> ModelT:
        mistakes: dict[Place, str] = {}
        resolved = self._resolved(model, keys, place, mistakes)
        try:
            account = model.model_validate(resolved)
        except ValidationError as error:
            for mistake in mistakes_of(model, error):
                where = (*place, *mistake["loc"])
                reason = self._say(where, describe_mistake(model, mistake, below=place))
                if where not in mistakes or mistake["type"] == "extra_forbidden":
                    mistakes[where] = reason  # a misspelt key matters more than what it holds
        if mistakes:
            raise _Mistakes(list(mistakes.values()))  # not from the error: it may quote a secret
        return account

    def _account_model(self, connector: str, place: Place) -> type[AccountConfig]:
        known = [*list_connectors(), FILES]
        if connector not in known:
            place = (*place, "connector")
            hint = "" if place in self._document.lines else " (files say `connector: files`)"
            reason = f"there is no connector {connector!r}, {suggest(connector, known)}{hint}"
            raise _Mistakes([self._say(place, f"`{dotted(place)}`: {reason}")])
        try:
            return find_connector(connector).config
        except (InputError, ImportError, AttributeError) as error:
            reason = f"connector {connector} can't be used ({as_clause(str(error))})"
            raise _Mistakes([self._say(place, reason)]) from error

    def _validated(self, model: type[ModelT], value: Any, place: Place) -> ModelT:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise _Mistakes(
                [
                    self._say((*place, *m["loc"]), describe_mistake(model, m, below=place))
                    for m in mistakes_of(model, error)
                ]
            ) from error

    def _resolved(self, kind: Any, value: Any, place: Place, mistakes: dict[Place, str]) -> Any:
        """The value with every `{env: NAME}` replaced by what the variable holds."""
        if isinstance(value, dict) and list(value) == ["env"]:
            try:
                return self._secret(value["env"])
            except InputError as error:
                mistakes[place] = self._say(place, f"`{dotted(place)}`: {as_clause(str(error))}")
                return ""
        if value is not None and without_none(kind) is SecretStr:
            mistakes[place] = self._say(place, f"`{dotted(place)}`: {INLINE_REFUSED}")
            return ""
        if isinstance(value, dict):
            return {
                key: self._resolved(kind_below(kind, key), part, (*place, key), mistakes)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [
                self._resolved(kind_below(kind, number), part, (*place, number), mistakes)
                for number, part in enumerate(value)
            ]
        return value

    def _secret(self, name: Any) -> str:
        if not isinstance(name, str) or not is_secret_name(name):
            raise InputError(NO_VARIABLE_NAME)
        return self._settings.secret(name).get_secret_value()

    def _say(self, place: Place, reason: str) -> str:
        return f"{self._document.where(place)}: {reason}."


def remembered_files(settings: Settings) -> dict[str, Path]:
    """Source name -> path, as `fourflow run --source NAME=PATH` said; they win over fourflow.yml.

    Raises:
        InputError: the file that keeps them is not a mapping of names to paths.
    """
    path = _memory(settings)
    if not path.exists():
        return {}
    content = read_document(path).content
    if not all(isinstance(value, str) for value in content.values()):
        raise InputError(
            f"{path} must map source names to paths, such as `tmall: /exports/tmall`; correct it."
        )
    return {name: Path(value) for name, value in content.items()}


def remember_files(settings: Settings, paths: Mapping[str, Path]) -> None:
    """Keep these paths (made absolute) in home, beside those kept before."""
    known = remembered_files(settings)
    updated = known | {name: path.expanduser().resolve() for name, path in paths.items()}
    if updated == known:
        return
    path = _memory(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    text = yaml.safe_dump({name: str(value) for name, value in sorted(updated.items())})
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _memory(settings: Settings) -> Path:
    return settings.root / "sources.yml"
