"""Text files as lines: which encoding a file has, and its lines in blocks of flat size.

A listed encoding is accepted only when it decodes the whole file. UTF-8 with a few damaged bytes
is still recognised as UTF-8 (GB18030 would decode it too, into other characters): its damaged
lines are given up one by one, and the others stay right.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import InputError
from connectors.sources.mapping import DeclaredEntity

BLOCK_CHARACTERS = 8 * 1024 * 1024
_BLOCK_BYTES = 4 * 1024 * 1024
_UTF_8 = {"utf-8", "utf-8-sig"}
# Real UTF-8 text with a damaged byte here and there has far more intact multi-byte characters;
# text of another encoding has hardly any.
_INTACT_PER_DAMAGED = 10
_DAMAGED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class TextEncoding:
    """How a file's bytes become text."""

    name: str
    has_damage: bool = False

    @property
    def errors(self) -> str:
        """What the decoder does with bytes that aren't text."""
        return "surrogateescape" if self.has_damage else "strict"


def choose_encoding(path: Path, entity: DeclaredEntity) -> TextEncoding:
    """The first of the mapping's encodings that reads the whole file.

    Raises:
        InputError: none of them does.
    """
    failures = []
    for name in entity.mapping.encodings:
        failed_at = _first_failure(path, name)
        if failed_at is None:
            return TextEncoding(codecs.lookup(name).name)
        failures.append(f"{name} fails at byte {failed_at:,}")
        if codecs.lookup(name).name in _UTF_8 and _is_damaged_utf_8(path):
            return TextEncoding(codecs.lookup(name).name, has_damage=True)
    raise InputError(
        f"{path.name} can't be read as text ({'; '.join(failures)}); save it as UTF-8, or add its "
        f"encoding to `encodings` of {entity.name} in {entity.declared_in.name}."
    )


def line_blocks(path: Path, encoding: TextEncoding) -> Iterator[list[str]]:
    """The file's lines with their line ends as they are, in blocks of some megabytes."""
    with path.open(encoding=encoding.name, errors=encoding.errors, newline="") as file:
        while lines := file.readlines(BLOCK_CHARACTERS):
            yield lines


def is_damaged(line: str) -> bool:
    """Whether the line holds bytes that its encoding could not read."""
    return _DAMAGED.search(line) is not None


def without_damage(line: str) -> str:
    """The line with every unreadable byte shown as the replacement character, no line end."""
    return _DAMAGED.sub("\ufffd", line).rstrip("\r\n")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _first_failure(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    position = 0
    try:
        for block in _blocks(path):
            decoder.decode(block)
            position += len(block)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        return position + getattr(error, "start", 0)
    return None


def _is_damaged_utf_8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    intact = damaged = 0
    for block in _blocks(path):
        text = decoder.decode(block)
        damage = len(_DAMAGED.findall(text))
        damaged += damage
        intact += len(text) - len(text.encode("ascii", "ignore")) - damage
    return intact >= _INTACT_PER_DAMAGED * damaged
