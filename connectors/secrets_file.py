"""The secrets file: `NAME=value` lines outside the project, readable by their owner only."""

import os
import re
from pathlib import Path

from connectors.errors import InputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHERS = 0o077


def is_secret_name(name: str) -> bool:
    """Whether an environment variable can have that name."""
    return bool(_NAME.fullmatch(name))


def read_secrets(path: Path) -> dict[str, str]:
    """The secrets by name; blank lines and lines with `#` are skipped.

    Raises:
        InputError: the file is missing, open to others, or has a line that is no `NAME=value`.
    """
    if not path.is_file():
        raise InputError(f"FOURFLOW_SECRETS_FILE names {path}, which is not there; correct it.")
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise InputError(f"Others can read the secrets in {path}; run `chmod 600 {path}`.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The secrets in {path} can't be read as UTF-8 text; correct it."
        ) from error
    found = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        if not equals or not is_secret_name(name.strip()):
            raise InputError(f"Line {number} of {path} is not NAME=value; correct it.")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    r"""The value without its quotes; `\n` in double quotes is a line break, as keys have them."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        inner = value[1:-1]
        return inner.replace("\\n", "\n") if value[0] == '"' else inner
    return value
