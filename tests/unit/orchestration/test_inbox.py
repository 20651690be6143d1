"""The inbox in Dagster and on the command line: moved soon, once at a time, counts for people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from connectors.errors import InputError
from connectors.inbox.segments import Message, SegmentFile, frame, sealed_segments, service_lock
from connectors.inbox.state import InboxState, inbox_state, waits_too_long
from connectors.settings import Settings
from orchestration.cli.bench import benchmark_names, find_benchmark
from orchestration.cli.main import app
from orchestration.defs.automation import micro_batch
from orchestration.defs.inbox import inbox_job, inbox_pushes, inbox_waiting, last_move
from orchestration.progress import SilentProgress
from orchestration.status_report import _inbox_problems


def _open_segment(settings: Settings, number: int) -> SegmentFile:
    settings.inbox_path.mkdir(parents=True, exist_ok=True)
    segment = SegmentFile(settings.inbox_path)
    message = Message(
        "shop", "main", "t", f"k{number}", datetime.now(UTC).isoformat(), f'{{"id": {number}}}'
    )
    segment.append(frame(message), 1)
    return segment


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def _look(settings: Settings, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, resources={"fourflow": settings})
    (answer,) = inbox_waiting(context)
    return answer


def test_the_sensor_starts_one_run_for_what_waits(settings: Settings, instance: dg.DagsterInstance):
    assert isinstance(_look(settings, instance), dg.SkipReason)
    _open_segment(settings, 1).seal()
    first, again = _look(settings, instance), _look(settings, instance)
    assert isinstance(first, dg.RunRequest)
    assert isinstance(again, dg.RunRequest)
    assert first.run_key == again.run_key
    _open_segment(settings, 2).seal()
    newer = _look(settings, instance)
    assert isinstance(newer, dg.RunRequest)
    assert newer.run_key != first.run_key


def test_the_sensor_sees_what_a_killed_service_left_but_not_what_a_running_one_writes(
    settings: Settings, instance: dg.DagsterInstance
):
    _open_segment(settings, 1)
    with service_lock(settings.inbox_path):
        assert isinstance(_look(settings, instance), dg.SkipReason)
    assert isinstance(_look(settings, instance), dg.RunRequest)


def test_the_sensor_waits_for_the_move_that_is_under_way(
    settings: Settings, instance: dg.DagsterInstance
):
    _open_segment(settings, 1).seal()
    instance.add_run(
        dg.DagsterRun(job_name=inbox_job.name, run_id="r1", status=dg.DagsterRunStatus.STARTED)
    )
    assert isinstance(_look(settings, instance), dg.SkipReason)


def _run_job(
    name: str, settings: Settings, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """The inbox's asset as a step of a job of that name."""
    job = dg.Definitions(
        assets=[inbox_pushes],
        jobs=[dg.define_asset_job(name)],
        resources={"fourflow": settings, "progress": SilentProgress()},
    ).resolve_job_def(name)
    return job.execute_in_process(instance=instance)


def test_the_asset_moves_and_tells_how_much(settings: Settings, instance: dg.DagsterInstance):
    _open_segment(settings, 1).seal()
    result = _run_job(inbox_job.name, settings, instance)
    assert result.success
    (made,) = result.asset_materializations_for_node("inbox__pushes")
    assert made.metadata["dagster/row_count"].value == 1
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    assert sealed_segments(settings.inbox_path) == []


def test_only_a_move_that_landed_something_outside_a_pass_calls_for_a_pass(
    settings: Settings, instance: dg.DagsterInstance
):
    def micro_batch_key() -> str | None:
        context = dg.build_schedule_context(instance=instance, resources={"fourflow": settings})
        (answer,) = micro_batch(context)
        return answer.run_key if isinstance(answer, dg.RunRequest) else None

    assert last_move(instance) == ""
    assert micro_batch_key() is None
    _open_segment(settings, 1).seal()
    moved = _run_job(inbox_job.name, settings, instance).run_id
    assert last_move(instance) == moved
    key = micro_batch_key()
    assert key is not None

    _run_job(inbox_job.name, settings, instance)  # nothing waits
    _open_segment(settings, 2).seal()
    _run_job("pipeline", settings, instance)  # builds on what it moves
    assert micro_batch_key() == key

    _open_segment(settings, 3).seal()
    _run_job(inbox_job.name, settings, instance)
    assert micro_batch_key() not in (None, key)


def test_damaged_and_forgotten_pushes_are_problems(settings: Settings):
    now = datetime.now(UTC)
    assert _inbox_problems(InboxState()) == []
    assert "damaged" in _inbox_problems(InboxState(damaged=1))[0]
    old = InboxState(waiting=1, waiting_since=now - timedelta(hours=27))
    assert "waiting since" in _inbox_problems(old)[0]
    assert not waits_too_long(old, now=now, longest_hours=28)


def test_the_state_counts_what_waits(settings: Settings):
    assert inbox_state(settings) == InboxState()
    _open_segment(settings, 1).seal()
    _open_segment(settings, 2)
    state = inbox_state(settings)
    assert (state.waiting, state.damaged) == (2, 0)
    assert state.waiting_since is not None
    assert abs(datetime.now(UTC) - state.waiting_since) < timedelta(minutes=1)
    assert state.as_json()["waiting_since"].endswith("+00:00")


def test_people_see_and_move_the_inbox(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(settings.home))
    _open_segment(settings, 1).seal()
    runner = CliRunner()
    assert '"waiting": 1' in runner.invoke(app, ["inbox", "state", "--json"]).output
    assert "landed in bronze: 1;" in runner.invoke(app, ["inbox", "move"]).output
    assert "Nothing was refused" in runner.invoke(app, ["inbox", "state"]).output


def test_benchmarks_are_found_by_the_beginning_of_their_name():
    assert "durable_append" in benchmark_names()
    assert callable(find_benchmark("durable").run)
    assert "enlarged" not in benchmark_names(), "it helps others and measures nothing"
    with pytest.raises(InputError, match="durable_append"):
        find_benchmark("durable_apend")
