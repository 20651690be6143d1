"""The mapping of a source: what its one YAML file says about its files or its platform's answers.

The YAML is dbt's own sources file; this module reads the parts under `config.meta.fourflow` and
refuses what it doesn't know, so that a typing mistake is an error here and not an empty column
in a dashboard. The staging models read the same keys.
"""

import codecs
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from connectors.declarations import (
    Declared,
    describe_mistake,
    known_time_zone,
    mistakes_of,
    suggest,
)
from connectors.errors import InputError
from connectors.settings import Settings

FileFormat = Literal["csv", "xlsx", "jsonl", "parquet"]
ColumnType = Literal[
    "id",
    "text",
    "remark",
    "phone",
    "masked_phone",
    "email",
    "integer",
    "money",
    "minor_units",
    "price",
    "decimal",
    "timestamp",
    "epoch_seconds",
    "epoch_milliseconds",
    "epoch_microseconds",
    "date",
    "boolean",
    "json",
]

_CURRENCY_PATTERN = "^[A-Z]{3}$"


ModelT = TypeVar("ModelT", bound=Declared)


class Column(Declared):
    """Where one canonical column comes from and how staging reads it.

    A file's column has a `header`; a platform's has the JSON `path` in the record, or in the
    record that it is an element of (`of: parent`). The path `#` is the number of an element in
    its array, from 1: the key of lines that have none. A file's column may be inside the JSON value
    under its header: then it has a `path` in that value, too. With a `key`, what stands there is an
    array of `{key, value}` objects, and the value is that of this key. With a `pattern`, the value
    is what its one group matches; a text that does not match as a whole has no value.

    Personal data (`pii`) leaves bronze as a token; with `pii: parts` as the tokens of its pairs of
    characters, which texts that are spelt alike mostly share.
    """

    header: str = ""
    path: str = Field(default="", pattern=r"^(\$.*|#)?$")
    key: str | None = Field(default=None, pattern=r"^\w+$")
    of: Literal["record", "parent"] = "record"
    type: ColumnType
    required: bool = False
    optional: bool = False
    pii: bool | Literal["parts"] = False
    strip_decimal_zero: bool = False
    pattern: str | None = None

    @field_validator("header")
    @classmethod
    def _trim(cls, header: str) -> str:
        if not header.strip():
            raise ValueError("a header must not be empty")
        return header.strip()

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
            if groups != 1:
                raise ValueError(f"{pattern!r} must have exactly one group, which is the value")
        return pattern

    @model_validator(mode="after")
    def _has_one_place(self) -> "Column":
        if not self.header and not self.path:
            raise ValueError("a column has a header (of a file) or a path (of an answer)")
        if self.header and (self.path == "#" or self.of == "parent"):
            raise ValueError("`#` and `of: parent` are not for columns of files")
        return self


class EntityMapping(Declared):
    """What the YAML says about one entity of a source.

    Exactly one of `files` (one kind of file), `endpoint` (answers of a platform) and `record_of`
    (the elements of the array `records_in` in the records of another entity) says what it is.

    With `preamble`, whatever stands above the heading of a text file or sheet is passed over: the
    heading is the first line with all needed headers. Lines that begin with `comment` are passed
    over wherever they stand. With `trailing_delimiter` every line but the heading ends with one.
    """

    files: list[str] = Field(default=[])
    endpoint: str | None = None
    record_of: str | None = None
    records_in: str | None = Field(default=None, pattern=r"^\$.*$")
    parent_key: list[str] = Field(default=[])
    columns: dict[str, Column] = Field(min_length=1)
    record_key: list[str]
    format: FileFormat | None = None
    encodings: list[str] = Field(default=["utf-8-sig", "gb18030"], min_length=1)
    delimiter: str = ","
    preamble: bool = False
    trailing_delimiter: bool = False
    comment: str | None = Field(default=None, min_length=1)
    sheet: str | None = None
    label: dict[str, str] = Field(default={})
    time_zone: str | None = None
    currency_code: str | None = Field(default=None, pattern=_CURRENCY_PATTERN)

    _zone = field_validator("time_zone")(known_time_zone)

    @field_validator("files")
    @classmethod
    def _relative(cls, files: list[str]) -> list[str]:
        for pattern in files:
            path = PurePosixPath(pattern)
            if not pattern or path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{pattern!r} must be a pattern below the offered folder")
        return files

    @field_validator("encodings")
    @classmethod
    def _known_encodings(cls, encodings: list[str]) -> list[str]:
        for encoding in encodings:
            try:
                codecs.lookup(encoding)
            except LookupError as error:
                raise ValueError(f"{encoding!r} is not an encoding that Python knows") from error
        return encodings

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii():
            raise ValueError("a delimiter is one ASCII character, not a quote or a line break")
        return delimiter

    @model_validator(mode="after")
    def _key_is_declared(self) -> "EntityMapping":
        # Every answer says which account it is of; a file's record has its columns only.
        known = set(self.columns) | (set() if self.files else {"account"})
        for name in (*self.record_key, *self.parent_key):
            if name not in known:
                raise ValueError(f"record_key names {name!r}, which is not among the columns")
        return self

    @model_validator(mode="after")
    def _is_one_kind(self) -> "EntityMapping":
        kinds = [bool(self.files), self.endpoint is not None, self.record_of is not None]
        if sum(kinds) != 1:
            raise ValueError("an entity has exactly one of `files`, `endpoint` and `record_of`")
        if (self.record_of is None) != (self.records_in is None):
            raise ValueError("`record_of` and `records_in` belong together")
        places = {bool(column.header) for column in self.columns.values()}
        if places != {bool(self.files)}:
            raise ValueError("columns of files have headers, columns of answers have paths")
        numbered = any(column.path == "#" for column in self.columns.values())
        if numbered and self.record_of is None:
            raise ValueError("the path `#` belongs to an entity with `record_of`")
        return self


class SourceMapping(Declared):
    """What the YAML says about a source as a whole."""

    label: dict[str, str] = Field(default={})
    connector: str | None = None
    time_zone: str
    currency_code: str | None = Field(default=None, pattern=_CURRENCY_PATTERN)

    _zone = field_validator("time_zone")(known_time_zone)


@dataclass(frozen=True)
class DeclaredEntity:
    """One entity of a source and the bronze table that its records are in.

    Attributes:
        name: of the entity.
        table: its table in bronze.
        mapping: where its columns are in what is received.
        declared_in: the source's YAML.
        amount: what staging takes for a record's amount, in SQL of its columns; None: it has none.
        version_by: the column by which staging tells the newest version of a record.
    """

    name: str
    table: str
    mapping: EntityMapping
    declared_in: Path
    amount: str | None = None
    version_by: str | None = None

    def needed_headers(self) -> list[str]:
        """Headers that a file must have, in the order of the mapping."""
        headers = (column.header for column in self.mapping.columns.values() if not column.optional)
        return list(dict.fromkeys(headers))


@dataclass(frozen=True)
class DeclaredSource:
    """One source with its entities."""

    name: str
    mapping: SourceMapping
    entities: tuple[DeclaredEntity, ...]
    declared_in: Path

    @property
    def is_read_from_files(self) -> bool:
        """Whether a person or a platform offers its records as files."""
        return self.mapping.connector is None

    @property
    def received(self) -> tuple[DeclaredEntity, ...]:
        """The entities that have a bronze table of their own."""
        return tuple(entity for entity in self.entities if entity.mapping.record_of is None)

    def entity(self, name: str) -> DeclaredEntity:
        """The entity of that name.

        Raises:
            InputError: the source has no such entity.
        """
        for entity in self.entities:
            if entity.name == name:
                return entity
        known = [entity.name for entity in self.entities]
        raise InputError(f"Source {self.name} has no entity {name!r}; {suggest(name, known)}.")


# Every run reads every declaration: the parser in C is ten times as fast, where it is there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _declaration_path(settings: Settings, name: str) -> Path:
    folder = settings.dbt_project_path / "models" / "staging" / name
    return folder / f"_{name}__sources.yml"


def list_sources(settings: Settings) -> list[str]:
    """Names of all sources that are declared, sorted."""
    staging = settings.dbt_project_path / "models" / "staging"
    names = []
    for path in sorted(staging.glob("*/_*__sources.yml")):
        name = path.parent.name
        if path == _declaration_path(settings, name):
            source = _find_source(_read_yaml(path, _state_of(path)), name)
            if source and _fourflow(source):
                names.append(name)
    return names


def load_source(settings: Settings, name: str) -> DeclaredSource:
    """Read the mapping of one source.

    Raises:
        InputError: there is no such source, or its YAML is not a valid mapping.
    """
    path = _declaration_path(settings, name) if name.isidentifier() else None
    if path is None or not path.is_file():
        raise InputError(
            f"There is no source {name!r}; {suggest(name, list_sources(settings))} "
            "(a source is one YAML file in dbt_project/models/staging/<source>)."
        )
    return _load(path, name, _state_of(path))


@lru_cache(maxsize=256)
def _load(path: Path, name: str, state: tuple[int, int]) -> DeclaredSource:
    source = _find_source(_read_yaml(path, state), name)
    if source is None:
        raise InputError(f"{path} declares no source named {name!r}; set `name: {name}` in it.")
    mapping = _validated(SourceMapping, _fourflow(source), f"source {name}", path)
    entities = tuple(_entity(table, name, path) for table in source.get("tables") or [])
    if not entities:
        raise InputError(f"Source {name} in {path} declares no tables; add one for each entity.")
    return DeclaredSource(name=name, mapping=mapping, entities=entities, declared_in=path)


def _state_of(path: Path) -> tuple[int, int]:
    """What changes with the content of a file: a file is read again only then."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _read_yaml(path: Path, state: tuple[int, int]) -> dict[str, Any]:
    del state
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (safe)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); correct it.") from error
    return document if isinstance(document, dict) else {}


def _find_source(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    for source in document.get("sources") or []:
        if isinstance(source, dict) and source.get("name") == name:
            return source
    return None


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return (node.get("config") or {}).get("meta") or node.get("meta") or {}


def _fourflow(node: dict[str, Any]) -> Any:
    return _meta(node).get("fourflow")


def _entity(table: dict[str, Any], source: str, path: Path) -> DeclaredEntity:
    name = str(table.get("name", ""))
    declared = _fourflow(table)
    record_of = declared.get("record_of") if isinstance(declared, dict) else None
    expected = f"{source}_{record_of or name}"
    if table.get("identifier", name) != expected:
        raise InputError(
            f"Table {name!r} of source {source} in {path} must say `identifier: {expected}`."
        )
    mapping = _validated(EntityMapping, declared, f"entity {source}.{name}", path)
    staging = _meta(table).get("staging") or {}
    return DeclaredEntity(
        name=name,
        table=expected,
        mapping=mapping,
        declared_in=path,
        amount=staging.get("amount"),
        version_by=staging.get("version_by"),
    )


def _validated(model: type[ModelT], value: Any, what: str, path: Path) -> ModelT:
    if value is None:
        raise InputError(
            f"{what.capitalize()} in {path} has no mapping; add `config: meta: fourflow:` to it."
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first, *others = mistakes_of(model, error)
        more = f" ({len(others)} more after that)" if others else ""
        reason = describe_mistake(model, first)
        raise InputError(f"The mapping of {what} in {path} is wrong: {reason}{more}.") from error
