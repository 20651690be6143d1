"""`kill -9` at every step of claim → send → receipt → mark: effects, duplicates, lost.

1,000 trials on SQLite, one small database each, against targets that take an idempotency key, that
can be looked into, that are a file, and that can do neither. `lost` counts decisions without an
effect that no dead letter tells about; `dead_letters` are those of targets that can do neither,
whose outcome a person has to look up.
"""

import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.delivery_trials import (
    DECISIONS,
    KINDS,
    POINTS,
    Kind,
    open_sqlite,
    prepare_sqlite,
    run_trial,
)

TRIALS = 1_000


def run(trials: int = TRIALS) -> dict[str, Any]:
    """Run the trials; figures by kind of target and in all."""
    combinations: list[tuple[Kind, str]] = [(kind, point) for kind in KINDS for point in POINTS]
    figures: dict[str, int] = defaultdict(int)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        template = Path(scratch) / "template.sqlite"
        prepare_sqlite(template)
        for number in range(trials):
            kind, point = combinations[number % len(combinations)]
            folder = Path(scratch) / str(number)
            folder.mkdir()
            shutil.copy(template, folder / "operations.sqlite")
            database = folder / "operations.sqlite"
            outcome = run_trial(lambda path=database: open_sqlite(path), folder, kind, point)  # type: ignore[misc]
            for name, value in {
                "trials": 1,
                "kills": int(outcome.was_killed),
                "decisions": DECISIONS,
                "unique_effects": len(outcome.effects),
                "duplicates": outcome.duplicates,
                "lost": outcome.lost,
                "dead_letters": outcome.states["dead"],
            }.items():
                figures[name] += value
                figures[f"{kind}_{name}"] += value
            shutil.rmtree(folder)
    return {**figures, "seconds": round(time.monotonic() - started, 1)}
