"""A rule as the YAML text that people edit, and the place in it of what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from connectors.errors import InputError
from orchestration.decisions.definition import DefinitionError, RuleDefinition, parse_rule

_WIDTH = 96
_LONG = 60


@dataclass(frozen=True)
class TextPlace:
    """A place in a text; lines and columns count from 1."""

    line: int
    column: int


class RuleTextError(InputError):
    """A text that is no usable rule.

    Attributes:
        place: where the offending part stands.
        line: the text of that line.
        path: keys and positions that lead to it; empty for the whole rule.
    """

    def __init__(
        self, message: str, place: TextPlace, line: str, path: Sequence[int | str] = ()
    ) -> None:
        super().__init__(message)
        self.place = place
        self.line = line
        self.path = tuple(path)

    @property
    def pointer(self) -> str:
        """The line, and below it a mark under the offending character."""
        # A Chinese character is two columns wide where letters have one width.
        before = self.line[: self.place.column - 1]
        gap = "".join("\u3000" if ord(sign) > 0x2E7F else " " for sign in before)
        return f"{self.line}\n{gap}^"


class _Dumper(yaml.SafeDumper):
    """Writes short mappings and lists of plain values on one line, long texts folded."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = ">" if len(value) > _LONG and "\n" not in value and ": " not in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def write_rule_text(rule: RuleDefinition) -> str:
    """A rule as YAML, its keys in the order of the definition, without what is left empty."""
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in RuleDefinition.model_fields.items()
        if not field.is_required()
    }
    said = {
        name: _without_nothing(value)
        for name, value in rule.stored().items()
        if name not in defaults or getattr(rule, name) != defaults[name]
    }
    return yaml.dump(said, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDTH)


def parse_rule_text(text: str) -> RuleDefinition:
    """Read a rule from the YAML that a person wrote.

    Raises:
        RuleTextError: says what is wrong, and in which line and column.
    """
    lines = text.splitlines() or [""]
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _refuse_doubled_keys(node, lines)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = TextPlace(mark.line + 1, mark.column + 1) if mark else TextPlace(1, 1)
        problem = error.problem or "it cannot be read"
        raise _at(place, lines, f"this is no valid YAML: {problem}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise _at(TextPlace(1, 1), lines, f"this is no valid YAML: {problem}.") from None
    try:
        return parse_rule(data, where="rule")
    except DefinitionError as error:
        place = _place(node, error) if node is not None else TextPlace(1, 1)
        raise _at(place, lines, str(error), error.place) from None


def _at(
    place: TextPlace, lines: Sequence[str], problem: str, path: Sequence[int | str] = ()
) -> RuleTextError:
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    message = f"Line {place.line}, column {place.column}: {problem}"
    return RuleTextError(message, place, line, path)


def _without_nothing(value: Any) -> Any:
    """A value without keys that say nothing, so that the text stays short."""
    if isinstance(value, dict):
        return {
            name: _without_nothing(one) for name, one in value.items() if one not in (None, [], {})
        }
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value


def _place(root: yaml.Node, error: DefinitionError) -> TextPlace:
    """Where the offending part begins; of the nearest part above when it is not there."""
    node, mark = root, root.start_mark
    for part in error.place:
        found = _below(node, part)
        if found is not None:
            node, mark = found
    refused = error.condition
    if refused is not None and refused.position is not None and isinstance(node, yaml.ScalarNode):
        return _inside(node, refused.text, refused.position)
    return TextPlace(mark.line + 1, mark.column + 1)


def _below(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Mark] | None:
    """The value of a key with the place of the key, or an item; None where there is none."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, item.start_mark
    return None


def _inside(node: yaml.ScalarNode, text: str, position: int) -> TextPlace:
    """Where a character of a scalar's value stands: folding only moves white space."""
    wanted = sum(not sign.isspace() for sign in text[:position])
    source = node.start_mark.buffer or ""
    start = node.start_mark.pointer
    end = node.end_mark.pointer
    if node.style in ("|", ">"):
        start = source.find("\n", start) + 1
    elif node.style in ("'", '"'):
        start += 1
    for offset in range(start, min(end, len(source))):
        if source[offset].isspace() or source[offset] == "\0":
            continue
        if wanted == 0:
            before = source[:offset]
            return TextPlace(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
        wanted -= 1
    return TextPlace(node.start_mark.line + 1, node.start_mark.column + 1)


def _refuse_doubled_keys(node: yaml.Node, lines: Sequence[str]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                place = TextPlace(key.start_mark.line + 1, key.start_mark.column + 1)
                raise _at(place, lines, f"the key {name} is there twice; keep one of them.")
            seen.add(name)
            _refuse_doubled_keys(value, lines)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubled_keys(item, lines)
