"""Which sources this installation reads, and where: remembered from `fourflow run --source`.

Kept as a small YAML file in home that a person may edit; scheduled runs read it.
"""

import hashlib
from pathlib import Path

import yaml

from connectors.errors import InputError
from connectors.settings import Settings


def _path(settings: Settings) -> Path:
    return settings.root / "sources.yml"


def registered_sources(settings: Settings) -> dict[str, Path]:
    """Source name -> file or folder that is offered at every run.

    Raises:
        InputError: the file is not a mapping of names to paths.
    """
    path = _path(settings)
    if not path.exists():
        return {}
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise InputError(
            f"{path} must map source names to paths, such as `tmall: /exports/tmall`; correct it."
        )
    return {str(name): Path(value) for name, value in content.items()}


def register_sources(settings: Settings, sources: dict[str, Path]) -> dict[str, Path]:
    """Remember these sources (absolute paths) beside those known before; returns all."""
    known = registered_sources(settings)
    updated = known | {name: path.expanduser().resolve() for name, path in sources.items()}
    if updated != known:
        path = _path(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        text = yaml.safe_dump({name: str(value) for name, value in sorted(updated.items())})
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return updated


def offer_signature(settings: Settings) -> str:
    """Hash of names, sizes and times of all files on offer; changes when anything arrives."""
    digest = hashlib.sha256()
    for name, path in sorted(registered_sources(settings).items()):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                stat = file.stat()
                digest.update(f"{name}|{file}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
