"""Recorded answers and pushes of carriers, and a carrier's file, with the figures they have."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from connectors.inbox.move import move_to_bronze
from connectors.inbox.protocol import InboxAccount, Push
from connectors.inbox.protocols.kuaidi100 import Kuaidi100Pushes
from connectors.inbox.segments import Message, SegmentFile, frame
from connectors.settings import Settings, load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Reading, TrackingNumber
from connectors.sources.files.load import load_files
from tests.models import build_models, rows

pytestmark = pytest.mark.integration

SF_NUMBER, JD_NUMBER = "SF1011603494291", "JD0076810060555"
CONFIG = {
    "sf_express": {"partner_id": "P", "check_word": "W"},
    "kuaidi100": {"customer": "C", "key": "K"},
}
CARRIER_FILE = """\
tracking_no,carrier,scanned_at,status,place,remark
X1,顺丰速运,2026-06-01 08:00:00,已揽收,上海,
X1,顺丰速运,2026-06-02 09:30:00,DELIVERED,北京,签收人：王小明 13812345678
X1,顺丰速运,2026-06-02 09:30:00,DELIVERED,北京,签收人：王小明 13812345678
X2,街角快递,someday,已揽收,上海,
"""


@pytest.fixture(scope="module")
def recorded(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with the fixtures: asked, pushed in both recorded forms, and a file."""
    folder = reference / "fixtures"
    settings = load_settings(home=tmp_path_factory.mktemp("recorded"))
    sample = json.loads((folder / "sf" / "search_routes_doc_sample.json").read_text("utf-8"))
    raw = (folder / "kuaidi100" / "push_param_raw_masked.json").read_text("utf-8")
    form = json.loads((folder / "kuaidi100" / "push_callback_form.json").read_text("utf-8"))
    answer(settings, "sf_express", sample, TrackingNumber(SF_NUMBER, "sf"))
    answer(settings, "kuaidi100", json.loads(raw)["lastResult"], TrackingNumber(JD_NUMBER, "jd"))
    push(settings, form)
    path = settings.root / "carrier.csv"
    path.write_text(CARRIER_FILE, encoding="utf-8")
    load_files(settings, "carrier_file", path)
    staged = ("stg_sf_express__routes", "stg_sf_express__pushes")
    build_models(settings, "+fct_shipment_scans", "+int_parcels_tracked", *staged)
    return settings


def answer(settings: Settings, name: str, content: object, parcel: TrackingNumber) -> None:
    connector = find_connector(name)
    reading = Reading(
        name,
        "main",
        datetime.now(UTC),
        tracking_numbers=lambda: (parcel,),
        transport=httpx.MockTransport(lambda _request: httpx.Response(200, json=content)),
    )
    account = connector.config.model_validate(CONFIG[name])
    assert load_account(settings, connector, account, reading).record_count == 1


def push(settings: Settings, form: dict[str, str]) -> None:
    """The recorded form through the inbox's own check of its signature, into bronze."""
    account = InboxAccount("kuaidi100", "main", "kuaidi100", {"push_salt": form["salt"]})
    now = datetime.now(UTC)
    body = urlencode({"sign": form["sign"], "param": form["param"]}).encode()
    (received,) = Kuaidi100Pushes().read(Push({}, {}, body, now), account)
    message = Message(
        source="kuaidi100",
        account="main",
        topic=received.topic,
        dedupe_key=received.dedupe_key,
        received_at=now.isoformat(),
        payload=received.payload,
    )
    settings.inbox_path.mkdir(parents=True, exist_ok=True)
    segment = SegmentFile(settings.inbox_path)
    segment.append(frame(message), 1)
    segment.seal()
    assert move_to_bronze(settings).landed == {"kuaidi100": 1}


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("stg_sf_express__routes", 1),
        ("stg_sf_express__scans", 2),
        ("stg_sf_express__pushes", 0),
        ("stg_kuaidi100__tracks", 1),
        ("stg_kuaidi100__scans", 5),
        ("stg_kuaidi100__pushes", 1),
        ("stg_kuaidi100__push_scans", 5),
        ("stg_carrier_file__scans", 4),
    ],
)
def test_recorded_records_are_staged_with_their_own_counts(
    recorded: Settings, model: str, count: int
):
    refused = 1 if model == "stg_carrier_file__scans" else 0
    found = rows(recorded, f"select count(*), count(reject_reason) from {model}")
    assert found == [(count, refused)]


def test_scan_that_was_asked_for_and_pushed_is_one(recorded: Settings):
    counted = rows(recorded, "select source, count(*) from fct_shipment_scans group by 1")
    assert dict(counted) == {"sf_express": 2, "kuaidi100": 5, "carrier_file": 2}


def test_recorded_parcels_are_where_their_carrier_says(recorded: Settings):
    told = rows(
        recorded, "select parcel_no, shipment_status, delivered_at from int_parcels_tracked"
    )
    assert {number: (status, at and at.astimezone(UTC)) for number, status, at in told} == {
        SF_NUMBER: ("in_transit", None),
        JD_NUMBER: ("delivered", datetime(2022, 6, 30, 2, 34, 33, tzinfo=UTC)),
        "X1": ("delivered", datetime(2026, 6, 2, 1, 30, tzinfo=UTC)),
    }


def test_names_and_phone_numbers_stay_in_bronze(recorded: Settings):
    texts = [text for (text,) in rows(recorded, "select description from fct_shipment_scans")]
    every = " ".join(text for text in texts if text)
    assert "[name]" in every
    assert "[phone]" in every
    for personal in ("某**", "130****0000", "王小明", "13812345678"):
        assert personal not in every
