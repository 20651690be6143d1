"""Dagster's instance in home: its configuration, and the tidying after runs that were killed."""

import logging
import os
import socket

import dagster as dg

from connectors.settings import Settings

logger = logging.getLogger(__name__)

PID_TAG, HOST_TAG = "fourflow/pid", "fourflow/host"

_CONFIG = """\
# Written by Fourflow when missing; edit as you like (https://docs.dagster.io).
telemetry:
  enabled: false
storage:
  custom:
    module: orchestration.dagster_storage
    class: KeptOpenStorage
    config:
      base_dir:
        env: DAGSTER_HOME
concurrency:
  pools:
    default_limit: 1        # the lake takes one writing step at a time
    granularity: op
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
retention:
  schedule:
    purge_after_days: 30
  sensor:
    purge_after_days: 30
"""


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's instance of this home, made on first use."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_CONFIG, encoding="utf-8")
    settings.export_to_environment()
    return dg.DagsterInstance.from_config(str(home))


def process_tags() -> dict[str, str]:
    """Tags that tell which process executes a run."""
    return {PID_TAG: str(os.getpid()), HOST_TAG: socket.gethostname()}


def fail_ghost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail runs whose `fourflow run` process was killed and free their places in the pools.

    Without this a killed run keeps the lake's only slot and every later run waits for ever. Its
    places are freed first: whoever is killed in between leaves a run that is found here once more.
    """
    ghosts = []
    unfinished = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.NOT_STARTED,
        ],
        tags={HOST_TAG: socket.gethostname()},
    )
    for run in instance.get_runs(filters=unfinished):
        pid = int(run.tags.get(PID_TAG, "0"))
        if pid == os.getpid() or _is_alive(pid):
            continue
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.report_run_failed(run, "The process that executed this run was killed.")
        ghosts.append(run.run_id)
    return ghosts


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
