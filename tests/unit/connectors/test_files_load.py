"""Files land in bronze exactly once, whatever is offered, how often, and however a load ends."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import InputError, TransientError
from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.lake.repair import repair_uncommitted_loads
from connectors.settings import Settings
from connectors.sources.files import load as load_module
from connectors.sources.files import staging
from connectors.sources.files.load import load_files
from tests.unit.connectors.conftest import order_mapping

NOW = datetime(2024, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def query(settings: Settings, sql: str) -> list[tuple]:
    """Rows of a query on the newest state of the lake."""
    connection = connect_snapshot(settings)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def write_orders(path: Path, *numbers: str | int, header: str = "order no,amount") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "\n" + "".join(f"{n},1.00\n" for n in numbers), encoding="utf-8")
    return path


@pytest.fixture
def shop(write_mapping) -> None:
    """Source `shop` with orders and refunds, a folder each."""
    write_mapping(
        orders=order_mapping(files=["orders/*.csv", "orders/*.xlsx"]),
        refunds=order_mapping(files=["refunds/*.csv"]),
    )


@pytest.mark.usefixtures("shop")
def test_life_of_a_folder(tmp_path, settings):
    folder = tmp_path / "offered"
    write_orders(folder / "orders" / "01.csv", 1, 2)
    write_orders(folder / "orders" / "02.csv", 3)
    write_orders(folder / "orders" / "empty_day.csv")
    write_orders(folder / "refunds" / "01.csv", 9)
    write_orders(folder / "orders" / "~$02.xlsx", 5)
    (folder / "notes.txt").write_text("not a record", encoding="utf-8")

    seen = []
    first = load_files(settings, "shop", folder, on_progress=seen.append, now=NOW)
    assert [(f.entity, f.file_name, f.status, f.version, f.record_count) for f in first.files] == [
        ("orders", "orders/01.csv", "loaded", 1, 2),
        ("orders", "orders/02.csv", "loaded", 1, 1),
        ("orders", "orders/empty_day.csv", "loaded", 1, 0),
        ("refunds", "refunds/01.csv", "loaded", 1, 1),
    ]
    assert first.record_count == 4
    assert [(p.stage, p.files_done, p.files_total, p.record_count) for p in seen] == [
        ("reading", 1, 4, 2),
        ("reading", 2, 4, 3),
        ("reading", 3, 4, 3),
        ("reading", 4, 4, 4),
        ("landing", 4, 4, 4),
    ]
    rows = query(settings, "from lake.bronze.shop_orders order by file_name, record_number")
    sha = query(
        settings,
        "select file_sha256 from lake.bronze.received_files where file_name = 'orders/01.csv'",
    )[0][0]
    assert rows[0] == (
        f"{sha[:16]}:1",
        "orders/01.csv",
        '{"order no":"1","amount":"1.00"}',
        None,
        "orders/01.csv",
        sha,
        1,
        NOW,
        first.load_id,
    )

    # Offered again, from another place and under another name, nothing of it is new.
    again = load_files(settings, "shop", folder)
    assert again.load_id is None
    assert {f.status for f in again.files} == {"skipped"}
    copy = write_orders(tmp_path / "elsewhere" / "orders" / "copy.csv", 3)
    skipped = load_files(settings, "shop", copy)
    assert [f.reason for f in skipped.files] == [
        "The same content was loaded before as orders/02.csv."
    ]

    # A changed file is a new version; alone it has the name that it has in its folder.
    changed = write_orders(folder / "orders" / "01.csv", 1, 2, 4)
    second = load_files(settings, "shop", changed)
    assert [(f.file_name, f.version, f.record_count) for f in second.loaded] == [
        ("orders/01.csv", 2, 3)
    ]
    received = query(
        settings,
        """
        select entity, file_name, version, record_count, _dlt_load_id
        from lake.bronze.received_files where source = 'shop' order by all
        """,
    )
    assert received == [
        ("orders", "orders/01.csv", 1, 2, first.load_id),
        ("orders", "orders/01.csv", 2, 3, second.load_id),
        ("orders", "orders/02.csv", 1, 1, first.load_id),
        ("orders", "orders/empty_day.csv", 1, 0, first.load_id),
        ("refunds", "refunds/01.csv", 1, 1, first.load_id),
    ]
    assert query(settings, "select count(*), count(distinct source_id) from shop_orders") == [
        (6, 6)
    ]

    # Going back to an older content can't be told from an old copy offered again: say so.
    write_orders(folder / "orders" / "01.csv", 1, 2)
    back = load_files(settings, "shop", folder)
    assert [f.file_name for f in back.refused] == ["orders/01.csv"]
    assert "has the content of its version 1 again" in back.problems[0]


@pytest.mark.usefixtures("shop")
def test_bad_files_are_refused_and_the_others_load(tmp_path, settings):
    folder = tmp_path / "orders"
    write_orders(folder / "a_good.csv", 1, 2)
    (folder / "b_zero_bytes.csv").write_bytes(b"")
    (folder / "c_encoding.csv").write_bytes(b"order no,amount\n1,\xff\xff\n")
    write_orders(folder / "d_missing.csv", 1, header="order no,total")
    write_orders(folder / "e_twice.csv", header="order no,amount,amount")
    (folder / "f_cut.xlsx").write_bytes(b"PK\x03\x04cut")
    write_orders(folder / "g_same.csv", 1, 2)
    (folder / "h_broken_rows.csv").write_text(
        'order no,amount\n7,1\n8\n9,"1\n10,2,3\n11,1\n', encoding="utf-8"
    )
    report = load_files(settings, "shop", tmp_path)
    assert {f.file_name.removeprefix("orders/"): f.status for f in report.files} == {
        "a_good.csv": "loaded",
        "b_zero_bytes.csv": "refused",
        "c_encoding.csv": "refused",
        "d_missing.csv": "refused",
        "e_twice.csv": "refused",
        "f_cut.xlsx": "refused",
        "g_same.csv": "skipped",
        "h_broken_rows.csv": "loaded",
    }
    assert (report.record_count, report.read_error_count) == (7, 3)
    assert len(report.problems) == 5
    assert all("\n" not in problem for problem in report.problems)
    bad = query(
        settings,
        """
        select record_number, payload->>'raw', read_error from shop_orders
        where read_error is not null order by record_number
        """,
    )
    assert [(number, raw) for number, raw, _ in bad] == [(2, "8"), (3, '9,"1'), (4, "10,2,3")]
    # What was refused is not registered: corrected or not, it is offered again.
    assert query(settings, "select count(*) from lake.bronze.received_files") == [(2,)]


@pytest.mark.usefixtures("shop")
def test_nothing_usable_is_an_error(tmp_path, settings):
    with pytest.raises(InputError, match=r"absent does not exist; give the file or folder"):
        load_files(settings, "shop", tmp_path / "absent")
    folder = tmp_path / "offered"
    folder.mkdir()
    with pytest.raises(InputError, match=r"matches source shop \(wanted: orders/\*\.csv.*empty\)"):
        load_files(settings, "shop", folder)
    (folder / "readme.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"it holds readme\.txt"):
        load_files(settings, "shop", folder)
    with pytest.raises(InputError, match=r"could belong to orders, refunds of source shop"):
        load_files(settings, "shop", folder / "readme.txt")
    with pytest.raises(InputError, match=r"no source 'shopp'; did you mean shop"):
        load_files(settings, "shopp", folder)
    empty = folder / "orders" / "01.csv"
    empty.parent.mkdir()
    empty.write_bytes(b"")
    with pytest.raises(InputError, match=r"^01\.csv is empty \(0 bytes\)"):
        load_files(settings, "shop", empty)
    (folder / "orders" / "02.csv").write_bytes(b"\n")
    with pytest.raises(InputError, match=r"^None of the 2 files could be loaded; the first of"):
        load_files(settings, "shop", folder)


def test_file_of_two_entities_is_an_error(tmp_path, settings, write_mapping):
    write_mapping(orders=order_mapping(files=["*.csv"]), refunds=order_mapping(files=["r*.csv"]))
    write_orders(tmp_path / "offered" / "r1.csv", 1)
    with pytest.raises(InputError, match=r"r1\.csv matches both orders and refunds"):
        load_files(settings, "shop", tmp_path / "offered")


def test_single_file_goes_to_the_only_entity_whatever_its_name(tmp_path, settings, write_mapping):
    write_mapping(orders=order_mapping(files=["export_*.csv"]))
    path = write_orders(tmp_path / "download (1).csv", 1)
    assert load_files(settings, "shop", path).loaded[0].file_name == "download (1).csv"


@pytest.mark.usefixtures("shop")
def test_growing_file_is_left_out_and_loaded_when_complete(tmp_path, settings, monkeypatch):
    growing = write_orders(tmp_path / "orders" / "growing.csv", 1)
    write_orders(tmp_path / "orders" / "still.csv", 2)
    read_records = staging.read_records

    def read_while_another_writes(path, entity, connection):
        yield from read_records(path, entity, connection)
        if path == growing:
            with path.open("a", encoding="utf-8") as file:
                file.write("3,1.00\n")

    monkeypatch.setattr(staging, "read_records", read_while_another_writes)
    report = load_files(settings, "shop", tmp_path)
    assert [f.file_name for f in report.loaded] == ["orders/still.csv"]
    assert report.problems == (
        "orders/growing.csv changed while it was read, so it was left out; load it again when it "
        "is complete.",
    )
    monkeypatch.undo()
    report = load_files(settings, "shop", tmp_path)
    assert [(f.file_name, f.record_count, f.version) for f in report.loaded] == [
        ("orders/growing.csv", 2, 1)
    ]


@pytest.mark.usefixtures("shop")
def test_file_cut_off_while_read_is_said_to_be_changing(tmp_path, settings, monkeypatch):
    path = write_orders(tmp_path / "orders" / "01.csv", 1)

    def fail_while_another_writes(file_path, entity, connection):
        file_path.write_text("order no", encoding="utf-8")
        raise InputError("It is damaged.")
        yield

    monkeypatch.setattr(staging, "read_records", fail_while_another_writes)
    with pytest.raises(InputError, match="changed while it was read"):
        load_files(settings, "shop", path)


@pytest.mark.usefixtures("shop")
def test_unreadable_file_is_named(tmp_path, settings, monkeypatch):
    path = write_orders(tmp_path / "orders" / "01.csv", 1)

    def deny(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(staging.hashlib, "file_digest", deny)
    with pytest.raises(InputError, match=r"01\.csv can't be opened \(Permission denied\)"):
        load_files(settings, "shop", path)


@pytest.mark.usefixtures("shop")
def test_rows_of_an_uncommitted_load_are_taken_back(tmp_path, settings):
    assert repair_uncommitted_loads(settings) == {}
    assert not settings.lake_path.exists()

    path = write_orders(tmp_path / "orders" / "01.csv", 1, 2)
    load_id = load_files(settings, "shop", path).load_id
    with connect_writer(settings, purpose="a load that dies half-way") as connection:
        for table in ("shop_orders", "received_files"):
            connection.execute(
                f"insert into lake.bronze.{table} "
                f"select * replace ('9999.9' as _dlt_load_id) from lake.bronze.{table}"
            )
    assert repair_uncommitted_loads(settings) == {"received_files": 1, "shop_orders": 2}
    assert repair_uncommitted_loads(settings) == {}
    assert query(settings, "select distinct _dlt_load_id from shop_orders") == [(load_id,)]

    # Without any committed load, nothing that is there counts.
    with connect_writer(settings, purpose="a lake whose first load died") as connection:
        connection.execute("drop table lake.bronze._dlt_loads")
    assert repair_uncommitted_loads(settings) == {"received_files": 1, "shop_orders": 2}


@pytest.mark.usefixtures("shop")
def test_load_that_fails_half_way_can_be_repeated(tmp_path, settings, monkeypatch):
    from dlt.destinations.impl.ducklake.ducklake import DuckLakeClient

    path = write_orders(tmp_path / "orders" / "01.csv", 1, 2)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DuckLakeClient, "complete_load", full)
    with pytest.raises(TransientError, match=r"did not take the files of shop \(.*No space left"):
        load_files(settings, "shop", path)
    assert query(settings, "select count(*) from shop_orders") == [(2,)]
    monkeypatch.undo()
    load_id = load_files(settings, "shop", path).load_id
    assert query(settings, "select count(*), max(_dlt_load_id) from shop_orders") == [(2, load_id)]
    assert list((settings.root / "tmp" / "files").iterdir()) == []


LOADER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from connectors.settings import load_settings
    from connectors.sources.files.load import load_files
    import dlt, connectors.lake.dlt_destination
    print("ready", flush=True)
    load_files(load_settings(home=sys.argv[1]), "sandbox", Path(sys.argv[2]))
    print("done", flush=True)
    """
)


def test_killed_loads_leave_every_record_once(tmp_path, settings):
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    header = "payment_no,order_no,method,amount,paid_at\n"
    folder = tmp_path / "sandbox" / "payments"
    folder.mkdir(parents=True)
    killed = 0
    for day in range(1, 4):
        rows = "".join(f"{day}-{n},{n},cash,1.00,2024-03-0{day} 10:00:00\n" for n in range(500))
        (folder / f"2024-03-0{day}.csv").write_text(header + rows, encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-c", LOADER, str(settings.root), str(folder.parent)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 2.5))
            process.send_signal(signal.SIGKILL)
            killed += process.stdout.readline() != "done\n"
    load_files(settings, "sandbox", folder.parent)
    counts = query(
        settings,
        """
        select count(*), count(distinct source_id), count(distinct payload),
            (select count(*) from lake.bronze.received_files),
            (select sum(record_count) from lake.bronze.received_files)
        from sandbox_payments
        """,
    )
    assert counts == [(1500, 1500, 1500, 3, 1500)], f"seed {seed}, {killed} killed"


@pytest.mark.usefixtures("shop")
def test_small_and_large_files_land_whole(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(load_module, "_ROWS_A_PART", 7)
    for day in range(6):
        write_orders(tmp_path / "orders" / f"{day}.csv", *range(day * 10, day * 10 + day * 2))
    load_files(settings, "shop", tmp_path)
    found = query(settings, "select payload->>'order no' from shop_orders")
    expected = [str(day * 10 + n) for day in range(6) for n in range(day * 2)]
    assert sorted(row[0] for row in found) == sorted(expected)
