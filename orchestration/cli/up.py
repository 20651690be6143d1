"""`fourflow up`: dashboards, inbox, Dagster's web server and its daemon, started together."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from connectors.configuration import load_configuration
from connectors.errors import InputError
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.access.login import is_this_machine, login_file, refuse_open_elsewhere
from orchestration.cli.run_once import refuse_demo_home
from orchestration.dbt_build import ensure_manifest
from orchestration.demo_shop import ready_to_read
from orchestration.instance import open_instance

HOST = "127.0.0.1"


def up(
    dashboard_port: Annotated[int, typer.Option(help="Port of the dashboards.")] = 8501,
    dagster_port: Annotated[int, typer.Option(help="Port of Dagster's web server.")] = 3000,
    inbox_port: Annotated[int, typer.Option(help="Port of the inbox for pushes.")] = 8787,
    host: Annotated[
        str, typer.Option(help="Address of the dashboards; another than 127.0.0.1 needs a login.")
    ] = HOST,
) -> None:
    """Serve the dashboards, receive pushes and run the schedules until Ctrl-C."""
    settings = load_settings()
    refuse_demo_home(settings)
    ports = Ports(dashboard_port, dagster_port, inbox_port, host)
    with ready_to_read(settings) as configured:
        serve(configured, ports)


@dataclass(frozen=True)
class Ports:
    """Where the servers listen."""

    dashboards: int = 8501
    dagster: int = 3000
    inbox: int = 8787
    dashboard_host: str = HOST


def serve(settings: Settings, ports: Ports = Ports()) -> None:
    """Start all processes, wait, and stop them all when one ends or a signal comes.

    Raises:
        InputError: one of them ended by itself (names it), fourflow.yml can't be used, or the
            dashboards would be open to other machines.
    """
    refuse_open_elsewhere(settings, ports.dashboard_host)
    login = login_file(settings)
    load_configuration(settings)  # a mistake in it is told here, not in a log
    open_instance(settings).dispose()
    ensure_manifest(settings)  # once, before three processes want it at the same time
    console = Console()
    with _processes(settings, ports, login) as processes:
        console.print(f"dashboards  http://{ports.dashboard_host}:{ports.dashboards}")
        console.print(f"dagster     http://{HOST}:{ports.dagster}")
        console.print(f"inbox       http://{HOST}:{ports.inbox}/inbox/SOURCE/ACCOUNT")
        console.print(f"api         http://{HOST}:{ports.inbox}/api/v1/openapi.json")
        console.print(f"Ctrl-C stops everything; {_who_gets_in(ports, login)}.")
        ended = _wait(processes)
    if ended is not None:
        raise InputError(
            f"{ended} stopped by itself, so everything was stopped; its log is in "
            f"{settings.logs_path / (ended + '.log')}."
        )


def _who_gets_in(ports: Ports, login: Path | None) -> str:
    if login is None:
        return "no login is set up: whoever is at this machine sees everything, nobody else gets in"
    if is_this_machine(ports.dashboard_host):
        return "only this machine can reach them, and the dashboards ask for a login"
    return "other machines reach the dashboards only, which ask for a login"


def _commands(ports: Ports, login: Path | None) -> dict[str, list[str]]:
    # Started by path, never imported: imports go orchestration -> app_streamlit only that way.
    launcher = PROJECT_ROOT / "app_streamlit" / "streamlit_app.py"
    code = ["-m", "orchestration.definitions"]
    binary = Path(sys.executable).parent
    return {
        "dashboards": [
            sys.executable, "-m", "streamlit", "run", str(launcher),
            "--server.port", str(ports.dashboards), "--server.address", ports.dashboard_host,
            "--server.headless", "true", "--browser.gatherUsageStats", "false",
            *(["--secrets.files", str(login)] if login else []),
        ],
        "dagster-web": [
            str(binary / "dagster-webserver"), *code, "-h", HOST, "-p", str(ports.dagster),
        ],
        "dagster-daemon": [str(binary / "dagster-daemon"), "run", *code],
        "inbox": [
            sys.executable, "-m", "orchestration.door", "--host", HOST, "--port", str(ports.inbox),
        ],
    }  # fmt: skip


@contextlib.contextmanager
def _processes(
    settings: Settings, ports: Ports, login: Path | None
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    settings.logs_path.mkdir(parents=True, exist_ok=True)
    environment = settings.child_environment()
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with contextlib.ExitStack() as stack:
        try:
            for name, command in _commands(ports, login).items():
                log = stack.enter_context((settings.logs_path / f"{name}.log").open("ab"))
                processes[name] = subprocess.Popen(  # noqa: S603 (our own commands)
                    command, env=environment, cwd=PROJECT_ROOT,
                    stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            yield processes
        finally:
            _stop(processes)


def _wait(processes: dict[str, subprocess.Popen[bytes]]) -> str | None:
    """Name of the first process that ended; None when a signal asked to stop."""
    asked = False

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        nonlocal asked
        asked = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not asked:
            for name, process in processes.items():
                if process.poll() is not None:
                    return name
            time.sleep(0.2)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return None


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + 10
    for process in processes.values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        if process.poll() is None:
            process.kill()
            process.wait()
