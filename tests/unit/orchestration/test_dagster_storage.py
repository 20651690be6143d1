"""Dagster's own storage and ours read each other's files; ours keeps one engine a database."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from connectors.settings import load_settings
from orchestration.dagster_storage import KeptOpenStorage
from orchestration.instance import open_instance


@dg.asset
def counted() -> dg.MaterializeResult:
    """An asset with something to store."""
    return dg.MaterializeResult(metadata={"rows": 3})


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    with open_instance(load_settings(home=tmp_path / "home")) as opened:
        yield opened


def test_a_new_home_keeps_its_connections_open(instance: dg.DagsterInstance):
    assert dg.materialize([counted], instance=instance).success
    storage = instance.event_log_storage
    before = dict(storage._engines)
    assert dg.materialize([counted], instance=instance).success
    assert {name: storage._engines[name] for name in before} == before
    with storage.index_connection() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_dagsters_own_storage_reads_what_ours_wrote(instance: dg.DagsterInstance):
    result = dg.materialize([counted], instance=instance)
    home = Path(instance.root_directory)
    for storage in (DagsterSqliteStorage(str(home)), KeptOpenStorage(str(home))):
        (run,) = storage.run_storage.get_runs()
        assert (run.run_id, run.status) == (result.run_id, dg.DagsterRunStatus.SUCCESS)
        records = storage.event_log_storage.get_records_for_run(run.run_id).records
        stored = {record.event_log_entry.dagster_event_type for record in records}
        assert {"ASSET_MATERIALIZATION", "RUN_SUCCESS"} <= {e.name for e in stored if e}
        assert storage.event_log_storage.all_asset_keys() == [counted.key]
        storage.dispose()


def test_what_a_run_plans_is_stored_in_two_transactions(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    @dg.multi_asset(
        specs=[dg.AssetSpec(f"one_{number}") for number in range(40)],
        check_specs=[dg.AssetCheckSpec("is_whole", asset=f"one_{number}") for number in range(40)],
    )
    def forty():
        for number in range(40):
            yield dg.MaterializeResult(asset_key=f"one_{number}")
            yield dg.AssetCheckResult(
                asset_key=f"one_{number}", check_name="is_whole", passed=number != 7
            )

    storage = instance.event_log_storage
    batches: list[tuple[int, int]] = []
    kept, begun = storage.store_event_batch, []
    monkeypatch.setattr(
        storage,
        "_engine_of",
        lambda shard, of=storage._engine_of: (begun.append(shard), of(shard))[1],
    )

    def store(events):
        before = len(begun)
        kept(events)
        batches.append((len(events), len(begun) - before))

    monkeypatch.setattr(storage, "store_event_batch", store)
    result = dg.materialize([forty], instance=instance)
    assert batches[0] == (80, 2)
    assert len(storage.all_asset_keys()) == 40
    keys = [dg.AssetCheckKey(dg.AssetKey(f"one_{number}"), "is_whole") for number in range(40)]
    latest = storage.get_latest_asset_check_execution_by_key(keys)
    passed = {key.asset_key.path[0]: one.status.value for key, one in latest.items()}
    assert passed == {f"one_{n}": "FAILED" if n == 7 else "SUCCEEDED" for n in range(40)}
    assert result.success
    assert storage._batch is None
