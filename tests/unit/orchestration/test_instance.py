"""Dagster's instance after runs that were killed."""

import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest

from connectors.settings import Settings
from orchestration.instance import HOST_TAG, PID_TAG, fail_ghost_runs, open_instance, process_tags

POOL = "lake"


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        opened.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        yield opened


@pytest.fixture
def killed(instance: dg.DagsterInstance) -> str:
    """A run that holds the lake's only place and whose process is gone."""
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    run = instance.create_run_for_job(
        dg.GraphDefinition("pipeline").to_job(),
        status=dg.DagsterRunStatus.STARTED,
        tags={**process_tags(), PID_TAG: str(gone.pid)},
    )
    assert _may_step(instance, run.run_id)
    return run.run_id


def _may_step(instance: dg.DagsterInstance, run_id: str) -> bool:
    storage = instance.event_log_storage
    return storage.claim_concurrency_slot(POOL, run_id, "dbt_build").is_claimed


def test_a_killed_run_is_failed_and_its_place_is_free(instance, killed):
    assert not _may_step(instance, "another run")
    assert fail_ghost_runs(instance) == [killed]
    assert instance.get_run_by_id(killed).status is dg.DagsterRunStatus.FAILURE
    assert _may_step(instance, "another run")


@pytest.mark.parametrize("step", ["report_run_failed", "free_concurrency_slots_for_run"])
def test_whoever_is_killed_while_tidying_leaves_nothing_behind(instance, killed, monkeypatch, step):
    owner = instance if step == "report_run_failed" else instance.event_log_storage

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, die)
        with pytest.raises(KeyboardInterrupt):
            fail_ghost_runs(instance)
    fail_ghost_runs(instance)
    assert instance.get_run_by_id(killed).status is dg.DagsterRunStatus.FAILURE
    assert _may_step(instance, "another run")


def test_runs_of_living_processes_and_other_machines_are_left_alone(instance):
    job = dg.GraphDefinition("pipeline").to_job()
    started = dg.DagsterRunStatus.STARTED
    instance.create_run_for_job(job, status=started, tags=process_tags())
    elsewhere = {PID_TAG: "999999999", HOST_TAG: "another-machine"}
    instance.create_run_for_job(job, status=started, tags=elsewhere)
    assert fail_ghost_runs(instance) == []
