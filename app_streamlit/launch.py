"""How the dashboards are started: the command line of the server, nothing else.

Kept free of Streamlit itself, so that the command line can import it at no cost.
"""

import sys
from pathlib import Path

from connectors.settings import Settings
from orchestration.access.login import login_file, refuse_open_elsewhere

_WATCHER = "STREAMLIT_SERVER_FILE_WATCHER_TYPE"
ENTRY_POINT = Path(__file__).resolve().parent / "streamlit_app.py"


def dashboard_command(settings: Settings, port: int, host: str = "127.0.0.1") -> list[str]:
    """The command that serves the dashboards of these settings.

    Start it with `settings.child_environment()`, so that the server reads the same home.

    Raises:
        InputError: it would be open to other machines, or the login file can't be used.
    """
    refuse_open_elsewhere(settings, host)
    login = login_file(settings)
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ENTRY_POINT),
        "--server.headless=true",
        f"--server.address={host}",
        f"--server.port={port}",
        # Watching its own files costs Streamlit a third of a second of processor a new viewer,
        # during which all others wait. Whoever edits pages sets the variable.
        *([] if _WATCHER in settings.child_environment() else ["--server.fileWatcherType=none"]),
        "--browser.gatherUsageStats=false",
        # Otherwise Streamlit collects all garbage after every run, which is as dear as the run of
        # a page itself; Python's own collector does it now and then.
        "--runner.postScriptGC=false",
        *([f"--secrets.files={login}"] if login else []),
    ]
