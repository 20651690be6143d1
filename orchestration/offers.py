"""What the configuration means for a run: which source feeds which bronze tables, and when.

The bronze tables and their assets come from the dbt project; which of them anything arrives in
comes from `fourflow.yml`. This module brings the two together. Nothing is read here.
"""

import hashlib
from collections.abc import Iterable, Mapping

from connectors.configuration import FILES, Configuration, ConfiguredSource
from connectors.declarations import suggest
from connectors.sources.mapping import DeclaredSource

DUE_TAG = "fourflow/sources"


def sources_of(configuration: Configuration, declared: str) -> list[ConfiguredSource]:
    """The configured sources that feed a source of the dbt project."""
    return [
        source
        for source in configuration.sources.values()
        if (source.mapping or source.name) == declared
    ]


def is_due(source: ConfiguredSource, tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags reads the source: those it names, else all."""
    due = tags.get(DUE_TAG, "")
    return not due or source.name in due.split(",")


def unread_problems(
    configuration: Configuration, declared: Iterable[DeclaredSource]
) -> dict[str, list[str]]:
    """Problems of sources that no asset reads, by source: their mistakes, or no fitting mapping.

    Args:
        configuration: what is configured.
        declared: all sources of the dbt project.
    """
    known = {source.name: source for source in declared}
    found: dict[str, list[str]] = {}
    for source in configuration.sources.values():
        problem = _unfit(source, known)
        if problem:
            found[source.name] = list(source.problems) or [problem]
    return found


def _unfit(source: ConfiguredSource, known: Mapping[str, DeclaredSource]) -> str:
    target = source.mapping or source.name
    if target not in known:
        return (
            f"Source {source.name} has no mapping in dbt_project/models/staging/{target}, so "
            f"nothing of it is read ({suggest(target, known)}); add the mapping, or rename the "
            "source in fourflow.yml."
        )
    is_files = source.connector == FILES
    if is_files == known[target].is_read_from_files:
        return ""
    described, configured = ("a platform", "files") if is_files else ("files", source.connector)
    return (
        f"Source {source.name} is configured as {configured}, but its mapping {target} describes "
        f"{described}; give it another name, or another mapping."
    )


def offer_signature(configuration: Configuration) -> str:
    """Hash of names, sizes and times of all files on offer; changes when anything arrives.

    Sources with a schedule of their own don't count. Empty when no other source has files.
    """
    digest = hashlib.sha256()
    offers = {
        source.name: source.path
        for source in configuration.sources.values()
        if source.connector == FILES and source.path is not None and source.schedule is None
    }
    for name, path in sorted(offers.items()):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                stat = file.stat()
                digest.update(f"{name}|{file}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16] if offers else ""
