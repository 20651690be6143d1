"""Which files are offered for which entity: one file, or a folder searched by globs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from connectors.errors import InputError
from connectors.sources.mapping import DeclaredEntity, DeclaredSource

# Names of files that an editor or a copy in progress leaves beside the real ones.
_PASSING_PREFIXES = (".", "~$")
_PASSING_SUFFIXES = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True)
class OfferedFile:
    """One file to load, with the name by which its versions are known."""

    entity: DeclaredEntity
    name: str
    path: Path


def find_files(source: DeclaredSource, path: Path) -> list[OfferedFile]:
    """The offered files in the order of the source's entities, then by name.

    Raises:
        InputError: the path doesn't exist, nothing in it matches, or one file matches two entities.
    """
    if path.is_file():
        return [_single_file(source, path)]
    if not path.is_dir():
        raise InputError(
            f"{path} does not exist; give the file or folder to load for source {source.name}."
        )
    offered = [file for entity in source.entities for file in _files_below(path, entity)]
    if not offered:
        wanted = ", ".join(
            pattern for entity in source.entities for pattern in entity.mapping.files
        )
        present = sorted(child.name for child in path.iterdir())
        listing = f"it holds {', '.join(present[:8])}" if present else "it is empty"
        raise InputError(
            f"No file in {path} matches source {source.name} (wanted: {wanted}; {listing}); "
            f"put the files there or correct `files` in {source.declared_in.name}."
        )
    _refuse_shared(offered, source)
    return offered


def _files_below(folder: Path, entity: DeclaredEntity) -> Iterable[OfferedFile]:
    found = {
        file.relative_to(folder).as_posix(): file
        for pattern in entity.mapping.files
        for file in folder.glob(pattern)
        if file.is_file() and not _is_passing(file)
    }
    return [OfferedFile(entity, name, found[name]) for name in sorted(found)]


def _is_passing(file: Path) -> bool:
    return file.name.startswith(_PASSING_PREFIXES) or file.suffix.lower() in _PASSING_SUFFIXES


def _refuse_shared(offered: list[OfferedFile], source: DeclaredSource) -> None:
    owners: dict[str, str] = {}
    for file in offered:
        other = owners.setdefault(file.name, file.entity.name)
        if other != file.entity.name:
            raise InputError(
                f"{file.name} matches both {other} and {file.entity.name} of source {source.name}; "
                f"make `files` in {source.declared_in.name} distinct."
            )


def _single_file(source: DeclaredSource, path: Path) -> OfferedFile:
    matches = [
        (entity, pattern)
        for entity in source.entities
        for pattern in entity.mapping.files
        if path.absolute().match(pattern)
    ]
    if not matches and len(source.entities) == 1:
        return OfferedFile(source.entities[0], path.name, path)
    names = list(dict.fromkeys(entity.name for entity, _ in matches))
    if len(names) != 1:
        entities = names or [entity.name for entity in source.entities]
        raise InputError(
            f"{path} could belong to {', '.join(entities)} of source {source.name}; offer its "
            "folder, or a name that matches `files` of one entity in "
            f"{source.declared_in.name}."
        )
    entity, pattern = matches[0]
    # The same name as when its folder is offered, so that a new version is seen as one.
    depth = len(PurePosixPath(pattern).parts)
    name = "/".join(path.absolute().parts[-depth:])
    return OfferedFile(entity, name, path)
