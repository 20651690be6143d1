"""The baseline: frozen once with a hash, compared by the same figures, and shown on the page."""

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from published_fixture import LAST_DAY
from test_app_pages import assert_translated, open_page

from app_streamlit.ui.i18n import LANGUAGES
from connectors.database.engine import open_database
from connectors.errors import ContractError, InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from models_ml.experiments import compare_shares
from orchestration.metrics.layer import MetricLayer
from orchestration.roi import baseline as roi

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
GO_LIVE = date(2026, 11, 1)


@pytest.fixture(scope="module")
def frozen_home(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the published home with a baseline before the first of November."""
    home = tmp_path_factory.mktemp("frozen") / "home"
    shutil.copytree(published_home, home)
    freeze(home)
    return home


def freeze(home: Path, **changes: object) -> roi.Baseline:
    settings = load_settings(home=home)
    request = roi.FreezeRequest(
        **{"author": "Li", "reason": "before rules act", "go_live": GO_LIVE, **changes}
    )
    with open_published(settings) as lake:
        return roi.freeze_baseline(
            settings, open_database(settings), lake, MetricLayer(settings, may_parse=False),
            request, now=NOW,
        )  # fmt: skip


def compared(home: Path) -> dict[tuple[str, str], roi.Comparison]:
    settings = load_settings(home=home)
    found = roi.load_baseline(settings)
    with open_published(settings) as lake:
        told = roi.compare_with_baseline(
            settings, open_database(settings), lake, MetricLayer(settings, may_parse=False), found
        )
    return {(one.business, one.measure.name): one for one in told}


def counted(home: Path, first: date, last: date) -> tuple[int, int]:
    """Paid and placed orders of the simulated shop, in plain SQL on the report."""
    with open_published(load_settings(home=home)) as lake:
        row = lake.rows(
            "select sum(paid_order_count) as paid, sum(order_count) as placed "
            "from rpt_channel_daily where business = 'fourflow_demo' "
            "and business_date between $first and $last",
            {"first": first, "last": last},
        )[0]
    return int(row["paid"]), int(row["placed"])


def test_figures_are_those_of_plain_sql_and_the_verdict_that_of_the_interval(frozen_home):
    one = compared(frozen_home)["fourflow_demo", "payment_rate"]
    before = counted(frozen_home, date(2026, 10, 4), date(2026, 10, 31))
    # the newest seven days may still be paid
    now = counted(frozen_home, GO_LIVE, date(2026, 11, LAST_DAY.day - 7))
    assert (one.before.numerator, one.before.denominator) == before
    assert (one.now.numerator, one.now.denominator) == now
    assert one.now.value == pytest.approx(now[0] / now[1])
    expected = compare_shares(now, before, higher_is_better=True)
    assert (one.verdict, one.low, one.high) == (expected.verdict, expected.low, expected.high)


def test_what_cannot_be_measured_says_why(frozen_home):
    told = compared(frozen_home)
    assert told["fourflow_demo", "oversell_cancellations"].reason == "no_cancel_reason"
    assert all((one.reason is None) or (one.verdict is None) for one in told.values())
    # a shop whose data ended in 2011 has no day since go-live
    assert {one.reason for (shop, _), one in told.items() if shop == "online_retail"} <= {
        "too_few_days"
    }


def test_a_baseline_is_never_replaced_silently(frozen_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(frozen_home, home)
    first = roi.load_baseline(load_settings(home=home))
    assert first is not None
    assert first.is_late, "the days after go-live were known when it was frozen"
    with pytest.raises(InputError, match="it stays"):
        freeze(home)
    second = freeze(home, is_replacement=True, reason="a wrong week", go_live=date(2026, 11, 8))
    assert (second.number, second.previous_hash) == (2, first.hash)
    assert roi.load_baseline(load_settings(home=home)) == second

    path = home / "baselines" / "baseline-0001.json"
    path.chmod(0o644)
    told = json.loads(path.read_text(encoding="utf-8"))
    told["figures"][-1]["value"] = 1.0
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ContractError, match="changed after it was frozen"):
        roi.load_baseline(load_settings(home=home))
    path.unlink()
    with pytest.raises(ContractError, match="missing or was changed"):
        roi.load_baseline(load_settings(home=home))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reason": " "}, "author and a reason"),
        ({"days": 3}, "at least 7 business dates"),
        ({"go_live": date(2000, 1, 1)}, "Fewer than 7 complete business dates"),
    ],
)
def test_what_cannot_be_frozen_is_one_sentence(published_home, changes, says):
    with pytest.raises(InputError, match=says):
        freeze(published_home, **changes)


def test_touches_cost_minutes_times_rate():
    assert roi.TouchCost(Decimal(4), Decimal(45)).of(10) == Decimal("30.00")


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_the_baseline_against_now(monkeypatch, frozen_home, language):
    app = open_page(monkeypatch, frozen_home, "roi", lang=language)
    assert not app.exception
    assert not app.error
    assert_translated(app, language)
    frozen = roi.load_baseline(load_settings(home=frozen_home))
    assert any(frozen.hash[:16] in caption.value for caption in app.caption)
    assert len(app.dataframe[0].value) == len(frozen.figures)
