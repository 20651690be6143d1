"""Folders that other systems fetch files from: on this machine, or on a server by SFTP.

A file appears whole or not at all (written under another name, then renamed), and once, also if it
was fetched and deleted before anybody could look: each delivery leaves a marker in `.fourflow`,
written before the rename, that names the part it renames.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import asyncssh
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.errors import PermanentError, TransientError
from connectors.sinks.base import Receipt

_STATE: Final = ".fourflow"


class PlaceAccount(BaseModel):
    """Where files are put."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(
        min_length=1, description="A folder, or sftp://user@host:22/folder on another machine."
    )
    password: SecretStr | None = Field(default=None, description="Of the SFTP user.")
    private_key: SecretStr | None = Field(
        default=None, description="Of the SFTP user, in OpenSSH's or PEM format."
    )
    host_key: str | None = Field(
        default=None,
        description="The SFTP server's public key, such as `ssh-ed25519 AAAA…`, as it was told by "
        "whoever runs it; another server is refused.",
    )
    timeout_seconds: float = Field(default=30.0, gt=0, description="Longest wait for an answer.")

    @model_validator(mode="after")
    def _says_who_and_whom(self) -> "PlaceAccount":
        if not self.path.startswith("sftp://"):
            return self
        address = urlsplit(self.path)
        if not address.hostname or not address.username or not address.path.strip("/"):
            raise ValueError("`path` is written as sftp://user@host:22/folder")
        if not self.host_key:
            raise ValueError("`host_key` is missing: without it any server could take the files")
        if self.password is None and self.private_key is None:
            raise ValueError("set `password` or `private_key`")
        return self


class Files(Protocol):
    """The file operations that putting a file takes; names are relative to the place."""

    def read(self, name: str) -> bytes | None:
        """The content; None when there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole and on disk."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there; whether it was not."""

    def move(self, old: str, new: str) -> bool:
        """Rename; False when there is no such file (any more)."""

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""


def put_once(files: Files, name: str, content: bytes, key: str) -> Receipt:
    """Let a file appear under its name, once for a key.

    The order is: the part, the marker that names it, the rename. So a marker whose part is gone
    says that the file was there, and one whose part is there says that the rename is still to come.
    """
    marker = f"{_STATE}/{key}.sent"
    detail = {"file": name}
    earlier = files.read(marker)
    if earlier:
        moved = files.move(earlier.decode(), name)
        return Receipt("accepted" if moved else "duplicate", detail)
    part = f"{_STATE}/{key}.{secrets.token_hex(4)}.part"
    files.write(part, content)
    if earlier is None and not files.create(marker, part.encode()):
        files.delete(part)
        return put_once(files, name, content, key)
    if earlier is not None:  # a worker died between making the marker and writing it
        files.write(marker, part.encode())
    files.move(part, name)
    return Receipt("accepted", detail)


@contextmanager
def open_place(account: PlaceAccount) -> Iterator[Files]:
    """The place, connected while the block runs.

    Raises:
        TransientError: it can't be reached or written now.
        PermanentError: it refuses us, or is not what it was.
    """
    if account.path.startswith("sftp://"):
        with _sftp(account) as files:
            yield files
        return
    try:
        yield _Folder(Path(account.path).expanduser())
    except OSError as error:
        raise TransientError(
            f"Could not write to {account.path} ({error.strerror}); check the folder's space and "
            "rights, it will be tried again."
        ) from error


class _Folder:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / _STATE).mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        self._written(name, content, os.O_TRUNC)

    def create(self, name: str, content: bytes) -> bool:
        try:
            self._written(name, content, os.O_EXCL)
        except FileExistsError:
            return False
        return True

    def move(self, old: str, new: str) -> bool:
        try:
            (self._folder / old).rename(self._folder / new)
        except FileNotFoundError:
            return False
        self._sync(self._folder)
        return True

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def _written(self, name: str, content: bytes, how: int) -> None:
        path = self._folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o640), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._sync(path.parent)

    def _sync(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _sftp(account: PlaceAccount) -> Iterator[Files]:
    """A connection to an SFTP server whose key is known."""
    address = urlsplit(account.path)
    place = f"sftp://{address.hostname}"
    secret = account.private_key.get_secret_value() if account.private_key else None
    try:
        known = asyncssh.import_known_hosts(f"* {account.host_key}\n")
        keys = [asyncssh.import_private_key(secret)] if secret else []
    except (ValueError, asyncssh.KeyImportError) as error:
        raise PermanentError(
            f"`host_key` or `private_key` of {place} can't be read; correct them."
        ) from error
    try:
        with asyncio.Runner() as runner:
            connection = runner.run(_connected(account, known, keys))
            try:
                client = runner.run(_started(connection))
                yield _Remote(runner, client, PurePosixPath(unquote(address.path)), account)
            finally:
                connection.close()
                runner.run(connection.wait_closed())
    except asyncssh.HostKeyNotVerifiable as error:
        raise PermanentError(
            f"{place} has another key than `host_key`; ask whoever runs it whether it was changed."
        ) from error
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
        raise PermanentError(
            f"{place} refuses the user or the folder; correct `path`, `password` or `private_key`."
        ) from error
    except asyncssh.SFTPNoSuchFile as error:
        raise PermanentError(f"{place} has no folder {address.path}; correct `path`.") from error
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise TransientError(
            f"{place} could not be reached or broke off ({type(error).__name__}); it will be tried "
            "again."
        ) from error


async def _connected(
    account: PlaceAccount, known: asyncssh.SSHKnownHosts, keys: list[asyncssh.SSHKey]
) -> asyncssh.SSHClientConnection:
    address = urlsplit(account.path)
    return await asyncssh.connect(
        address.hostname or "",
        address.port or 22,
        username=unquote(address.username or ""),
        password=account.password.get_secret_value() if account.password else None,
        client_keys=keys or None,
        known_hosts=known,
        config=None,
        agent_path=None,
        connect_timeout=account.timeout_seconds,
    )


async def _started(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    return await connection.start_sftp_client()


class _Remote:
    """A folder on an SFTP server."""

    def __init__(
        self,
        runner: asyncio.Runner,
        client: asyncssh.SFTPClient,
        folder: PurePosixPath,
        account: PlaceAccount,
    ) -> None:
        self._runner, self._client, self._folder = runner, client, folder
        self._timeout = account.timeout_seconds
        # The state's folder is ours; the place itself must be there.
        with suppress(asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            self._run(lambda: client.mkdir(str(folder / _STATE)))

    def read(self, name: str) -> bytes | None:
        async def found_there() -> bytes | None:
            try:
                async with self._client.open(self._path(name), "rb") as file:
                    content: Any = await file.read()
                    return bytes(content)
            except asyncssh.SFTPNoSuchFile:
                return None

        found: bytes | None = self._run(found_there)
        return found

    def write(self, name: str, content: bytes) -> None:
        self._run(lambda: self._written(name, content, "wb"))

    def create(self, name: str, content: bytes) -> bool:
        try:
            self._run(lambda: self._written(name, content, "xb"))
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            return False
        return True

    def move(self, old: str, new: str) -> bool:
        try:
            self._run(lambda: self._client.rename(self._path(old), self._path(new)))
        except asyncssh.SFTPNoSuchFile:
            return False
        return True

    def delete(self, name: str) -> None:
        with suppress(asyncssh.SFTPNoSuchFile):
            self._run(lambda: self._client.remove(self._path(name)))

    async def _written(self, name: str, content: bytes, mode: str) -> None:
        async with self._client.open(self._path(name), mode) as file:
            await file.write(content)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    def _path(self, name: str) -> str:
        return str(self._folder / name)

    def _run(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        return self._runner.run(asyncio.wait_for(operation(), self._timeout))
