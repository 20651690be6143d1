"""Files for other systems: whole, once, also when they are fetched at once; a real SFTP server."""

import asyncio
import csv
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from connectors.errors import InputError, PermanentError, TransientError
from connectors.sandbox.webhook_receiver import serve_receiver
from connectors.settings import PROJECT_ROOT, load_settings
from connectors.sinks import places
from connectors.sinks.base import Sink
from connectors.sinks.declared import Sinks
from connectors.sinks.factory import sinks_from_settings
from connectors.sinks.files import FilesAccount, FilesTarget
from connectors.sinks.places import Files, PlaceAccount, open_place, put_once
from connectors.sinks.platform import TARGETS, PlatformSink, find_platform
from connectors.sinks.wms import WmsAccount, WmsTarget

FIELDS = {"order_no": "A1", "site": "wh_east", "sku": "S-1", "quantity": "3"}
KEY = "wms_" + "a" * 64


def payload(kind: str = "create_pick_list", **fields: str) -> dict[str, Any]:
    return {
        "timestamp": "2026-11-22T12:00:00+00:00",
        "data": {"decision_id": "a" * 64, "action": {"type": kind, "fields": fields or FIELDS}},
    }


class Server:
    """An SFTP server of this process whose root is a folder."""

    def __init__(self, root: Path) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self.key.export_public_key().decode().strip()
        self._root = root
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(self._listen())
        self.port = self._server.get_port()

    def account(self, **changes: Any) -> FilesAccount:
        values = {
            "path": f"sftp://shop@127.0.0.1:{self.port}/in",
            "host_key": self.host_key,
            "password": "good",
            "timeout_seconds": 5,
        }
        return FilesAccount.model_validate({**values, **changes})

    def close(self) -> None:
        self._server.close()
        self._run(self._server.wait_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> Any:
        root = str(self._root)

        class Login(asyncssh.SSHServer):
            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == ("shop", "good")

        return await asyncssh.create_server(
            Login,
            "127.0.0.1",
            0,
            server_host_keys=[self.key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
        )

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "remote" / "in").mkdir(parents=True)
    made = Server(tmp_path / "remote")
    yield made
    made.close()


@pytest.fixture(params=["folder", "sftp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FilesAccount, Path]:
    """An account, and the folder that the other system looks into."""
    if request.param == "sftp":
        server: Server = request.getfixturevalue("server")
        return server.account(), tmp_path / "remote" / "in"
    return FilesAccount(path=str(tmp_path / "out")), tmp_path / "out"


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if path.is_file())


def test_file_appears_once_also_when_it_was_fetched_meanwhile(
    place: tuple[FilesAccount, Path],
) -> None:
    account, folder = place
    target = FilesTarget("x", account)
    sink = PlatformSink("files", {"x": lambda: target})
    assert sink.deliver(KEY, payload()).outcome == "accepted"
    (name,) = visible(folder)
    told = json.loads((folder / name).read_text(encoding="utf-8"))
    assert (told["key"], told["sku"], told["quantity"]) == (KEY, "S-1", 3)
    (folder / name).unlink()
    assert sink.deliver(KEY, payload()).outcome == "duplicate"
    assert visible(folder) == []
    assert sink.deliver(f"{KEY}_2", payload()).outcome == "accepted"


class Killed(BaseException):
    """The worker dies here."""


class Dying:
    """Dies before or after the nth operation that changes something."""

    def __init__(self, files: Files, after: int, *, has_effect: bool) -> None:
        self._files, self._left, self._has_effect = files, after, has_effect

    def read(self, name: str) -> bytes | None:
        return self._files.read(name)

    def write(self, name: str, content: bytes) -> None:
        self._do(lambda: self._files.write(name, content))

    def create(self, name: str, content: bytes) -> bool:
        return bool(self._do(lambda: self._files.create(name, content)))

    def move(self, old: str, new: str) -> bool:
        return bool(self._do(lambda: self._files.move(old, new)))

    def delete(self, name: str) -> None:
        self._do(lambda: self._files.delete(name))

    def _do(self, operation: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._has_effect:
            raise Killed
        done = operation()
        if self._left == 0:
            raise Killed
        return done


@pytest.mark.parametrize("has_effect", [True, False])
@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("is_fetched", [True, False])
def test_killed_at_any_step_a_file_appears_once(
    tmp_path: Path, step: int, has_effect: bool, is_fetched: bool
) -> None:
    account = PlaceAccount(path=str(tmp_path / "out"))
    seen = 0

    def fetch() -> None:
        nonlocal seen
        for name in visible(tmp_path / "out"):
            assert (tmp_path / "out" / name).read_bytes() == b"content"
            seen += 1
            (tmp_path / "out" / name).unlink()

    with open_place(account) as files, pytest.raises(Killed):
        put_once(Dying(files, step, has_effect=has_effect), "a.json", b"content", "k")
    if is_fetched:
        fetch()
    for _ in range(2):
        with open_place(account) as files:
            put_once(files, "a.json", b"content", "k")
    fetch()
    assert seen == 1


def test_marker_that_was_never_written_is_written_anew(tmp_path: Path) -> None:
    account = PlaceAccount(path=str(tmp_path / "out"))
    with open_place(account) as files:
        files.write(".fourflow/k.sent", b"")
        assert put_once(files, "a.json", b"content", "k").outcome == "accepted"
        assert put_once(files, "a.json", b"content", "k").outcome == "duplicate"


def test_workers_with_one_key_put_one_file(tmp_path: Path) -> None:
    account = FilesAccount(path=str(tmp_path / "out"))
    target = FilesTarget("x", account)
    sink = PlatformSink("files", {"x": lambda: target})
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: sink.deliver(f"k{n % 4}", payload()), range(40)))
    assert len(visible(tmp_path / "out")) == 4
    assert {receipt.outcome for receipt in outcomes} == {"accepted", "duplicate"}


def test_csv_has_a_heading_and_the_digits(tmp_path: Path) -> None:
    account = FilesAccount(path=str(tmp_path), format="csv")
    PlatformSink("files", {"x": lambda: FilesTarget("x", account)}).deliver(KEY, payload())
    (path,) = tmp_path.glob("*.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert {name: row[name] for name in FIELDS} == FIELDS
    assert row["document"] == "create_pick_list"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"password": "bad"}, PermanentError, "refuses the user"),
        ({"path": "sftp://shop@127.0.0.1:{port}/no/such"}, PermanentError, "no folder"),
        ({"host_key": "other"}, PermanentError, "another key"),
        ({"path": "sftp://shop@127.0.0.1:9/in"}, TransientError, "could not be reached"),
    ],
)
def test_server_that_cannot_be_used_is_one_sentence(
    server: Server, changes: dict[str, str], error: type[Exception], words: str
) -> None:
    if changes.get("host_key"):
        other = asyncssh.generate_private_key("ssh-ed25519")
        changes = {"host_key": other.export_public_key().decode().strip()}
    changes = {name: value.replace("{port}", str(server.port)) for name, value in changes.items()}
    with pytest.raises(error, match=words) as caught:
        FilesTarget("x", server.account(**changes)).deliver(_order())
    assert "good" not in str(caught.value)


def _order() -> Any:
    from connectors.sinks.documents import document_of
    from connectors.sinks.platform import Order

    return Order(KEY, document_of(payload()), payload())


@pytest.mark.parametrize(
    "values",
    [
        {"path": "sftp://shop@host/in", "password": "x"},
        {"path": "sftp://host/in", "password": "x", "host_key": "k"},
        {"path": "sftp://shop@host/in", "host_key": "k"},
        {"path": ""},
    ],
)
def test_place_says_who_and_whom(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        places.PlaceAccount.model_validate(values)


def test_warehouse_system_takes_a_signed_document_once(tmp_path: Path) -> None:
    secret = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    received = tmp_path / "received.jsonl"
    with serve_receiver(received, secret) as url:
        account = WmsAccount.model_validate({"url": url, "secret": secret})
        sink = PlatformSink("wms", {"x": lambda: WmsTarget("x", account)})
        outcomes = [sink.deliver(KEY, payload()).outcome for _ in range(2)]
    assert outcomes == ["accepted", "duplicate"]
    (line,) = received.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["body"]["data"]["sku"] == "S-1"


def test_warehouse_system_has_no_use_for_an_invoice(tmp_path: Path) -> None:
    account = WmsAccount(path=str(tmp_path))
    sink = PlatformSink("wms", {"x": lambda: WmsTarget("x", account)})
    fields = {"customer_no": "1", "order_no": "2", "amount": "3", "currency_code": "CNY"}
    with pytest.raises(PermanentError, match="no use for the action create_invoice"):
        sink.check(KEY, payload("create_invoice", **fields))


def configured(tmp_path: Path, sinks: str, *, live: str) -> dict[str, Sink]:
    """The sinks of a fourflow.yml."""
    path = tmp_path / "fourflow.yml"
    path.write_text(f"sinks:\n{sinks}", encoding="utf-8")
    settings = load_settings(home=tmp_path / "home", config=str(path), live_sinks=live)
    return sinks_from_settings(settings)


def test_configured_folder_takes_files_when_sinks_are_live(tmp_path: Path) -> None:
    sinks = f"  files: {{accounts: {{main: {{path: {tmp_path / 'out'}}}}}}}\n"
    live = configured(tmp_path, sinks, live="yes")
    assert sorted(live) == ["files", "jsonl"]
    assert live["files"].deliver(KEY, payload()).outcome == "accepted"
    assert len(visible(tmp_path / "out")) == 1


def test_rehearsal_writes_nothing_there_and_refuses_what_could_not_be_sent(tmp_path: Path) -> None:
    sinks = f"  files: {{accounts: {{main: {{path: {tmp_path / 'out'}}}}}}}\n"
    rehearsed = configured(tmp_path, sinks, live="no")["files"]
    assert rehearsed.deliver(KEY, payload()).outcome == "accepted"
    assert rehearsed.deliver(KEY, payload()).outcome == "duplicate"
    with pytest.raises(PermanentError, match="field order_no of the action create_pick_list"):
        rehearsed.deliver("k2", payload(site="wh_east", sku="S-1", quantity="3"))
    assert not (tmp_path / "out").exists()
    (line,) = (tmp_path / "home/outbox/dry-run.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["key"] == KEY


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("{path: /x, pasword: {env: P}}", "did you mean password"),
        ("{path: /x, password: plain}", "a secret never stands in this file"),
        ("{path: /x, password: {env: NO_SUCH_VARIABLE}}", "NO_SUCH_VARIABLE is not set"),
        ("{path: 'sftp://u@h/x', password: {env: SECRET}}", "host_key"),
    ],
)
def test_mistake_in_a_target_names_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str, words: str
) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    with pytest.raises(InputError, match=r"fourflow\.yml line") as caught:
        configured(tmp_path, f"  files: {{accounts: {{main: {account}}}}}\n", live="yes")
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_every_target_can_be_configured_named_by_rules_and_read_about() -> None:
    page = (PROJECT_ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    table = page.split("## Targets")[1].split("\n## ")[0]
    for name in TARGETS:
        assert name in Sinks.model_fields
        assert any(f"`{name}`" in line.split("|")[1] for line in table.splitlines() if "|" in line)
        assert find_platform(name).name == name
    for path in re.findall(r"`(tests/\S+\.py)`", table):
        assert (PROJECT_ROOT / path).is_file(), path
