"""Which parcels a carrier is asked about, from what bronze holds."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.lake.attach import connect_writer
from connectors.settings import Settings
from connectors.sources.api.carriers import CARRIER_KEY, carrier_names
from connectors.sources.api.reading import Reading, TrackingNumber
from connectors.sources.api.tracking import CarrierAccount, open_parcels

NOW = datetime.now(UTC).replace(microsecond=0)
Land = Callable[..., None]


@pytest.fixture
def land(settings: Settings) -> Land:
    """Puts records into a bronze table, by default of a load that was committed a day ago."""

    def land(table: str, *payloads: object, load: str = "l1", ago: timedelta = timedelta(days=1)):
        received = datetime.now(UTC) - ago  # the suite may have started an hour before this test
        rows = [(json.dumps(payload), received, load) for payload in payloads]
        with connect_writer(settings, purpose="test") as lake:
            lake.execute("create schema if not exists lake.bronze")
            lake.execute(
                "create table if not exists lake.bronze._dlt_loads (load_id varchar, status bigint)"
            )
            lake.execute(
                f"create table if not exists lake.bronze.{table} (payload varchar, "
                "read_error varchar, received_at timestamptz, _dlt_load_id varchar)"
            )
            lake.executemany(f"insert into lake.bronze.{table} values (?, null, ?, ?)", rows)
            if load != "never committed":
                lake.execute("insert into lake.bronze._dlt_loads values (?, 0)", [load])

    return land


def local(moment: datetime) -> str:
    return f"{moment + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"


def trade(number: str, company: str, shipped: datetime | None = None) -> dict[str, object]:
    line = {"oid": 1, "invoice_no": number, "logistics_company": company}
    line["consign_time"] = local(shipped or NOW - timedelta(days=2))
    return {"tid": 1, "orders": {"order": [line, {"oid": 2}]}}


def track(number: str, code: str, at: datetime, **others: object) -> dict[str, object]:
    scan = {"time": local(at), "statusCode": code, "context": "somewhere"}
    return {"nu": number, "com": "yuantong", "status": "200", "data": [scan], **others}


def found(settings: Settings, **changes: object) -> list[TrackingNumber]:
    account = CarrierAccount(base_url="", **changes)
    reading = Reading("kuaidi100", "main", NOW)
    return open_parcels(settings, account, reading, connector="kuaidi100")


def numbers(settings: Settings, **changes: object) -> list[str]:
    return [parcel.number for parcel in found(settings, **changes)]


def test_empty_installation_has_nothing_to_ask_about(settings: Settings):
    assert found(settings) == []


def test_lake_without_parcels_has_nothing_to_ask_about(settings: Settings, land: Land):
    land("taobao_refunds", {"refund_id": 1})
    assert found(settings) == []


def test_parcels_of_answers_and_of_files_are_found_with_their_carriers(
    settings: Settings, land: Land
):
    land("taobao_orders", trade("SF1", " 顺丰 速运 "), trade("YT2", "圆通速递"), {"tid": 3})
    file = {"tracking_no": " JD3\t", "carrier": "jd", "shipped_at": local(NOW), "delivered_at": ""}
    land("sandbox_parcels", file)
    assert {(p.number, p.carrier) for p in found(settings)} == {
        ("SF1", "sf"),
        ("YT2", "yto"),
        ("JD3", "jd"),
    }


def test_only_the_carriers_asked_for_are_found(settings: Settings, land: Land):
    land("taobao_orders", trade("SF1", "顺丰速运"), trade("YT2", "圆通速递"))
    reading = Reading("sf_express", "main", NOW)
    account = CarrierAccount(base_url="")
    parcels = open_parcels(settings, account, reading, connector="sf_express", carriers=("sf",))
    assert parcels == [TrackingNumber("SF1", "sf")]


def test_carrier_that_nobody_named_is_not_asked(settings: Settings, land: Land):
    land("taobao_orders", trade("X1", "隔壁老王快递"))
    assert numbers(settings) == []


def test_parcel_that_left_long_ago_is_left_alone(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通", NOW - timedelta(days=29)))
    land("taobao_orders", trade("YT2", "圆通", NOW - timedelta(days=31)), load="l2")
    assert numbers(settings) == ["YT1"]
    assert numbers(settings, leave_after_days=40) == ["YT2", "YT1"]


def test_parcel_whose_shop_told_its_delivery_is_left_alone(settings: Settings, land: Land):
    row = {"tracking_no": "JD3", "carrier": "jd", "shipped_at": local(NOW)}
    land("sandbox_parcels", row, row | {"delivered_at": local(NOW)})
    assert numbers(settings) == []


def test_records_of_loads_that_were_never_committed_do_not_count(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"), load="never committed")
    assert numbers(settings) == []


def test_parcel_asked_about_a_short_while_ago_waits(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"), trade("YT2", "圆通"), trade("YT3", "圆通"))
    scan = NOW - timedelta(days=1)
    land("kuaidi100_tracks", track("yt1", "0", scan), load="l2", ago=timedelta(minutes=29))
    land("kuaidi100_tracks", track("YT2", "0", scan), load="l3", ago=timedelta(minutes=31))
    assert numbers(settings) == ["YT3", "YT2"], "never asked first"
    assert numbers(settings, ask_again_minutes=0) == ["YT3", "YT2", "YT1"]


def test_refusal_counts_as_asked(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"))
    refusal = {"nu": "YT1", "com": "yuantong", "result": False, "returnCode": "500"}
    land("kuaidi100_tracks", refusal, load="l2", ago=timedelta(minutes=5))
    assert numbers(settings) == []


def test_push_does_not_count_as_asked(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"))
    push = {"status": "polling", "lastResult": track("YT1", "0", NOW)}
    land("kuaidi100_pushes", push, load="l2", ago=timedelta(minutes=5))
    assert numbers(settings) == ["YT1"]


@pytest.mark.parametrize(
    ("code", "is_open"),
    [("301", False), ("304", False), ("4", False), ("6", True), ("501", True), ("999", True)],
)
def test_last_scan_decides_whether_a_parcel_is_done(
    settings: Settings, land: Land, code: str, is_open: bool
):
    land("taobao_orders", trade("YT1", "圆通"))
    earlier = track("YT1", "5", NOW - timedelta(hours=9))
    later = track("YT1", code, NOW - timedelta(hours=5))
    later["data"] = [*later["data"], *earlier["data"]]
    land("kuaidi100_tracks", later, load="l3", ago=timedelta(hours=4))
    land("kuaidi100_tracks", earlier, load="l2", ago=timedelta(hours=8))
    assert numbers(settings, hours_after_end=0) == (["YT1"] if is_open else [])


def test_parcel_is_watched_for_a_while_after_its_end(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"))
    land("kuaidi100_tracks", track("YT1", "301", NOW - timedelta(hours=47)), load="l2")
    assert numbers(settings, hours_after_end=48) == ["YT1"]
    assert numbers(settings, hours_after_end=46) == []


def test_what_the_platform_calls_closed_is_done_whatever_its_code(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"))
    scan = NOW - timedelta(hours=9)
    land("kuaidi100_tracks", track("YT1", "399", scan, ischeck="1"), load="l2")
    assert numbers(settings, hours_after_end=0) == []


def test_push_can_tell_the_end(settings: Settings, land: Land):
    land("taobao_orders", trade("YT1", "圆通"))
    push = {"status": "shutdown", "lastResult": track("YT1", "304", NOW - timedelta(hours=1))}
    land("kuaidi100_pushes", push, load="l2")
    assert numbers(settings, hours_after_end=0) == []


def test_sf_scans_end_parcels_in_either_spelling_of_the_code(settings: Settings, land: Land):
    land("taobao_orders", trade("SF1", "顺丰"), trade("SF2", "顺丰"), trade("SF3", "顺丰"))
    for number, scan in (
        ("SF1", {"opCode": "80"}),
        ("SF2", {"opcode": "8000"}),
        ("SF3", {"opCode": "125"}),
    ):
        route = {"acceptTime": local(NOW - timedelta(hours=1)), **scan}
        land("sf_express_routes", {"mailNo": number, "routes": [route]}, load=number)
    assert numbers(settings, hours_after_end=0) == ["SF3"]


def test_only_so_many_are_asked_in_one_reading(settings: Settings, land: Land):
    land("taobao_orders", *(trade(f"YT{n}", "圆通") for n in range(5)))
    assert len(found(settings, most_parcels=3)) == 3


def test_every_carrier_name_is_written_as_names_are_compared(settings: Settings):
    with connect_writer(settings, purpose="test") as lake:
        lake.register("names", carrier_names(settings))
        key = CARRIER_KEY.format(name="name")
        wrong = lake.execute(f"select name from names where name != {key}").fetchall()
    assert wrong == []
