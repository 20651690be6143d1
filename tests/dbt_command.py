"""The `dbt` command on a home's lake, as an analyst calls it."""

from pathlib import Path

from connectors.settings import Settings
from orchestration.dbt_build import shared_parse
from tests import warm_commands


def run_dbt(settings: Settings, *arguments: str, target: Path | None = None) -> None:
    """Run dbt with the project of these settings; fails with what dbt said.

    Args:
        settings: which home, and which project.
        arguments: the dbt command and its options.
        target: where dbt keeps what it parsed; default: in home.
    """
    project = str(settings.dbt_project_path)
    command = ["dbt", "--no-use-colors", *arguments, "--project-dir", project]
    command += ["--profiles-dir", project, "--target-path", str(target or settings.dbt_target_path)]
    # What fails is said on the terminal; nobody reads the 60,000 lines of a build's own log.
    command += ["--log-path", str(settings.logs_path), "--log-level-file", "none"]
    environment = {**settings.child_environment(), "FOURFLOW_THREADS": "1"}
    with shared_parse(settings):
        done = warm_commands.run(command, environment, settings.dbt_project_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
