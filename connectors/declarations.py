"""What all files that people write have in common: strict models and one-sentence mistakes.

Used by the YAML of a source and by `fourflow.yml`. What such a file may say stands in the models
of its own module; here is only how a mistake in it is told.
"""

import difflib
import types
from collections.abc import Iterable, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """A part of a file that a person wrote: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


def suggest(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence: the nearest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=2)
    if close:
        return f"did you mean {' or '.join(close)}"
    return f"known are {', '.join(names)}" if names else "none is declared yet"


def describe_mistake(model: type[BaseModel], error: dict[str, Any]) -> str:
    """One of pydantic's errors as the part of a sentence, with the nearest right key.

    Args:
        model: the model that refused.
        error: one element of `ValidationError.errors()`.
    """
    *parents, key = error["loc"] or ("",)
    where = f" under `{'.'.join(str(part) for part in parents)}`" if parents else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key `{key}`{where}, {suggest(str(key), known_keys(model, parents))}"
    if error["type"] == "missing":
        return f"key `{key}` is missing{where}"
    message = error["msg"].removeprefix("Value error, ").rstrip(".")
    place = f"`{'.'.join(str(part) for part in error['loc'])}`: " if error["loc"] else ""
    return f"{place}{message[0].lower()}{message[1:]}"


def known_keys(model: type[BaseModel], place: Sequence[str | int] = ()) -> list[str]:
    """Keys that may stand at a place below a model; none where the place has no model."""
    kind: Any = model
    for part in place:
        kind = _kind_below(kind, part)
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


def _kind_below(kind: Any, part: str | int) -> Any:
    if is_model(kind):
        field = kind.model_fields.get(part)
        return without_none(field.annotation) if field else None
    arguments = get_args(kind)
    return without_none(arguments[-1]) if arguments else None
