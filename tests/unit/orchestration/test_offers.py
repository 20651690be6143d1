"""Which configured source feeds which mapping, when it is due, and when new files are on offer."""

import os
from pathlib import Path

import pytest

from connectors.configuration import Configuration, ConfiguredSource, Schedules
from connectors.settings import Settings
from connectors.sinks.declared import Sinks
from orchestration.enabled_sources import declared_sources
from orchestration.offers import is_due, offer_signature, sources_of, unread_problems


def configured(*sources: ConfiguredSource) -> Configuration:
    return Configuration(None, {s.name: s for s in sources}, Schedules(), Sinks())


def files(name: str, path: Path, **changes) -> ConfiguredSource:
    return ConfiguredSource(name, "files", path=path, **{"mapping": name, **changes})


def test_two_folders_may_feed_one_mapping(tmp_path: Path):
    configuration = configured(files("tmall", tmp_path), files("pos", tmp_path, mapping="tmall"))
    assert [s.name for s in sources_of(configuration, "tmall")] == ["tmall", "pos"]
    assert sources_of(configuration, "pos") == []


def test_a_run_reads_what_its_tag_names_or_everything(tmp_path: Path):
    source = files("tmall", tmp_path)
    assert is_due(source, {})
    assert is_due(source, {"fourflow/sources": "sandbox,tmall"})
    assert not is_due(source, {"fourflow/sources": "sandbox"})


def test_the_signature_changes_with_every_file(tmp_path: Path):
    assert offer_signature(configured()) == ""
    configuration = configured(files("tmall", tmp_path / "in"))
    signatures = [offer_signature(configuration)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("a")
    signatures.append(offer_signature(configuration))
    (tmp_path / "in" / "a.csv").write_text("b")
    os.utime(tmp_path / "in" / "a.csv", (1, 1))
    signatures.append(offer_signature(configuration))
    assert offer_signature(configuration) == signatures[-1]
    signatures.append(offer_signature(configured(files("tmall", tmp_path / "in" / "a.csv"))))
    assert "" not in signatures
    assert len(set(signatures[:3])) == 3


def test_sources_with_a_schedule_are_not_on_offer(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a")
    assert offer_signature(configured(files("tmall", tmp_path, schedule="0 * * * *"))) == ""
    assert offer_signature(configured(ConfiguredSource("taobao", "taobao"))) == ""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (ConfiguredSource("shop", "shop"), "no mapping in dbt_project/models/staging/shop"),
        (
            ConfiguredSource("tmall", "shop"),
            "configured as shop, but its mapping tmall describes f",
        ),
        (ConfiguredSource("x", "files", problems=("Mistake.",)), "Mistake."),
    ],
)
def test_a_source_that_nothing_reads_is_a_problem(
    settings: Settings, source: ConfiguredSource, sentence: str, tmp_path: Path
):
    good = files("sandbox", tmp_path)
    found = unread_problems(configured(good, source), declared_sources(settings))
    assert list(found) == [source.name]
    assert sentence in found[source.name][0]
