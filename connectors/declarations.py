"""What all files that people write have in common: strict models and one-sentence mistakes.

Used by the YAML of a source and by `fourflow.yml`. What such a file may say stands in the models
of its own module; here is only how a mistake in it is told.
"""

import difflib
import re
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from connectors.errors import InputError

try:  # libyaml reads ten times as fast; every command and every page read `fourflow.yml`
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML that was built without it
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

Place = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)
_AS_NEAR = 0.1


class Declared(BaseModel):
    """A part of a file that a person wrote: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


@dataclass(frozen=True)
class Document:
    """A YAML file: what it says, all scalars as text, and in which line each part stands."""

    path: Path
    content: dict[str, Any]
    lines: dict[Place, int]

    def where(self, place: Sequence[str | int] = ()) -> str:
        """The file and the line of a part; of the nearest part above when it is missing."""
        known = tuple(place)
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.path} line {self.lines[known]}" if known else str(self.path)


class _TextLoader(_Loader):
    """Numbers and dates stay as they were written: `007` is an account, not seven."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as in the base class


_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InputError: it can't be read, is not YAML, says a key twice, or is not a mapping.
    """
    try:
        loader = _TextLoader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            lines = dict(_lines(node, ())) if node else {}
            _refuse_doubled_keys(node, path)
            content = loader.construct_document(node) if node else {}
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); correct it.") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a mapping of keys to values; correct it.")
    return Document(path, content, lines)


def read_declared(model: type[_Model], path: Path) -> _Model:
    """Read a file as what it declares.

    Raises:
        InputError: it can't be read or says what can't be; names file, line and key.
    """
    document = read_document(path)
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        problem = mistakes_of(model, error)[0]
        raise InputError(
            f"{document.where(problem['loc'])}: {describe_mistake(model, problem)}"
        ) from None


def _lines(node: yaml.Node, place: Place) -> Iterable[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*place, str(key.value))
            yield from _lines(value, below)
            yield below, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _lines(item, (*place, number))


def _refuse_doubled_keys(node: yaml.Node | None, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                raise InputError(
                    f"{path} line {line}: key `{name}` is there twice; keep one of them."
                )
            seen.add(name)
            _refuse_doubled_keys(value, path)


def known_time_zone(name: str | None) -> str | None:
    """Validator: the name of a time zone, or None.

    Raises:
        ValueError: there is no such zone.
    """
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not a time zone such as Asia/Shanghai") from error
    return name


def suggest(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence: the nearest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=2)
    if len(close) == 2:
        first, second = (difflib.SequenceMatcher(None, name, other).ratio() for other in close)
        close = close if first - second < _AS_NEAR else close[:1]
    if close:
        return f"did you mean {' or '.join(close)}"
    return f"known are {', '.join(names)}" if names else "none is declared yet"


def mistakes_of(model: type[BaseModel], error: ValidationError) -> list[ErrorDetails]:
    """Pydantic's errors without the missing keys that are there, but misspelt."""
    found = error.errors()
    meant: set[Place] = set()
    for mistake in found:
        *parents, key = mistake["loc"] or ("",)
        if mistake["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(key), known_keys(model, parents), n=1)
            meant.update((*parents, name) for name in near)
    return [m for m in found if m["type"] != "missing" or m["loc"] not in meant]


def describe_mistake(model: type[BaseModel], error: ErrorDetails, *, below: Place = ()) -> str:
    """One of pydantic's errors as the part of a sentence, with the nearest right key.

    Args:
        model: the model that refused.
        error: one of `mistakes_of`.
        below: where in the file the model's part stands.
    """
    *parents, key = error["loc"] or ("",)
    above = [*below, *parents]
    where = f" under `{dotted(above)}`" if above else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key `{key}`{where}, {suggest(str(key), known_keys(model, parents))}"
    if error["type"] == "missing":
        return f"key `{key}` is missing{where}"
    message = as_clause(error["msg"].removeprefix("Value error, "))
    place = (*below, *error["loc"])
    named = f"`{dotted(place)}`: " if place else ""
    return f"{named}{message}"


def as_clause(sentence: str) -> str:
    """A sentence to go on with after a colon; a name in capitals keeps them."""
    text = sentence.strip().rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def dotted(place: Iterable[str | int]) -> str:
    """A place in a file as people write it: `sources.taobao.accounts`."""
    return ".".join(str(part) for part in place)


def known_keys(model: type[BaseModel], place: Sequence[str | int] = ()) -> list[str]:
    """Keys that may stand at a place below a model; none where the place has no model."""
    kind: Any = model
    for part in place:
        kind = kind_below(kind, part)
    return list(kind.model_fields) if is_model(kind) else []


def is_model(kind: Any) -> bool:
    """Whether an annotation is a model (and not a parametrised type)."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def without_none(kind: Any) -> Any:
    """The annotation of an optional value without its `None`."""
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [argument for argument in get_args(kind) if argument is not type(None)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def kind_below(kind: Any, part: str | int) -> Any:
    """The annotation of a key of a model or of an element of a collection; None when unknown."""
    if is_model(kind):
        field = kind.model_fields.get(part)
        return without_none(field.annotation) if field else None
    arguments = get_args(kind)
    return without_none(arguments[-1]) if arguments else None
