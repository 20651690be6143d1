"""`fourflow connector new`: the files of a new connector, complete enough to pass its own tests.

What it makes reads a plain paged API. A person then replaces the calls, the README's answers and
the mapping's columns by those of the real platform; the contract test says what must stay true.
"""

import re
import subprocess
import sys
from pathlib import Path

from connectors.errors import InputError

TEMPLATES = Path(__file__).resolve().parent / "connector_template"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 24
_PROJECT = "dbt_project/dbt_project.yml"
_FILES = {
    "source.py": "connectors/sources/__NAME__/source.py",
    "README.md": "connectors/sources/__NAME__/README.md",
    "sources.yml": "dbt_project/models/staging/__NAME__/___NAME____sources.yml",
    "models.yml": "dbt_project/models/staging/__NAME__/___NAME____models.yml",
    "stg.sql": "dbt_project/models/staging/__NAME__/stg___NAME____orders.sql",
    "records_models.yml": (
        "dbt_project/models/intermediate/records/_int___NAME____records_models.yml"
    ),
    "classified.sql": (
        "dbt_project/models/intermediate/records/int___NAME____orders_classified.sql"
    ),
    "test.py": "tests/unit/connectors/test___NAME___contract.py",
}


def scaffold_connector(root: Path, name: str, title: str = "") -> list[Path]:
    """Write the files of a new connector below a checkout of Fourflow; returns their paths.

    Args:
        root: the checkout.
        name: of the connector, its dbt source and its bronze tables.
        title: for people; default: made from the name.

    Raises:
        InputError: the name can't be used, is taken, or this is not a checkout.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"{name!r} can't name a connector; use at most {_LONGEST} small letters, digits and "
            "single _ between them."
        )
    words = _words(name, title or name.replace("_", " ").capitalize())
    targets = {root / _filled(path, words): template for template, path in _FILES.items()}
    package = root / "connectors" / "sources" / name / "__init__.py"
    taken = [path for path in [*targets, package.with_name("signing.py")] if path.exists()]
    if taken:
        raise InputError(f"{taken[0]} is there already; take another name, or go on from there.")
    _list_entities(root / _PROJECT, name)
    for path, template in targets.items():
        text = (TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(text, words), encoding="utf-8")
    package.write_text(f'"""{words["__TITLE__"]}: its connector."""\n', encoding="utf-8")
    _format(root, [path for path in targets if path.suffix == ".py"])
    return sorted([*targets, package, root / _PROJECT])


def _words(name: str, title: str) -> dict[str, str]:
    strange = not title.isprintable() or any(character in title for character in "\"'\\{}:#")
    if strange or len(title) > _LONGEST:
        raise InputError(
            f"{title!r} can't be a title; use at most {_LONGEST} characters without quotes, "
            "braces, : and #."
        )
    return {
        "__CLASS__": "".join(part.capitalize() for part in name.split("_")),
        "__TITLE__": title,
        "__VARIABLE__": name.upper(),
        "__NAME__": name,
    }


def _filled(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text


def _format(root: Path, paths: list[Path]) -> None:
    """Break lines and sort imports as the name's length and letters want it, where ruff is."""
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        return
    for arguments in (["check", "--fix", "--select", "I"], ["format"]):
        subprocess.run(  # noqa: S603 (our own command)
            [str(ruff), *arguments, "--quiet", *map(str, paths)], cwd=root, check=False
        )


def _list_entities(project: Path, name: str) -> None:
    """Add the source's entities to the variable that lists those of all sources."""
    if not project.is_file():
        raise InputError(
            f"{project} is not there; run `fourflow connector new` in a checkout of Fourflow."
        )
    text = project.read_text(encoding="utf-8")
    block = re.search(r"^  source_entities:\n(?:    .*\n)+", text, re.MULTILINE)
    if block is None:
        raise InputError(f"{project} has no variable source_entities; restore it.")
    if f"\n    {name}:" not in block.group():
        end = block.end()
        project.write_text(f"{text[:end]}    {name}: [orders]\n{text[end:]}", encoding="utf-8")
