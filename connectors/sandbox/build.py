"""Builds a sandbox on disk: one CSV per entity and business day, and the truth file beside them.

Here: the public entry `build_sandbox`, writing and progress; the files of the tools beside the shop
(`files/exports.py`) are written too. Days are written in parallel; each
file depends only on its own rows, so the bytes do not depend on the order of the work.
"""

import json
import re
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.errors import InputError
from connectors.sandbox.files.damage import BrokenRow, plan_broken_rows, plant_broken_rows
from connectors.sandbox.files.day_files import write_day_files
from connectors.sandbox.files.defects import DefectPlan, plan_defects
from connectors.sandbox.files.exports import LEDGERS, TOOLS, Exports, list_exports, with_exports
from connectors.sandbox.files.records import Records, list_records, of_channels
from connectors.sandbox.files.rendering import Renderer, csv_bytes
from connectors.sandbox.files.settlement import STATEMENT_FOLDER
from connectors.sandbox.platforms import CHANNELS, ENTITY_COLUMNS
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.truth import describe_truth
from connectors.sandbox.world import WorldConfig

TRUTH_FILE: Final = "truth.json"
ProgressListener = Callable[[str, float], None]
"""Called with what is being done and the share of the whole that is done (0 to 1)."""

_WRITERS = 2
_SHARE_SIMULATED = 0.2
_DAY_FILE = re.compile(r"([a-z_]+_)?\d{4}-\d{2}-\d{2}(\.wholesale)?\.csv|events_\d{8}\.parquet")


@dataclass(frozen=True)
class WrittenFiles:
    """What `write_files` put on disk: counts, and the broken rows among them."""

    file_count: int
    row_count: int
    byte_count: int
    rows_by_entity: dict[str, int]
    broken_rows: list[dict[str, str]]
    records: dict[str, Records]
    plan: DefectPlan
    exports: Exports


@dataclass(frozen=True)
class SandboxReport:
    """What was built, where, and how long it took."""

    folder: Path
    truth_path: Path
    order_count: int
    file_count: int
    row_count: int
    byte_count: int
    rows_by_entity: dict[str, int]
    simulate_seconds: float
    write_seconds: float

    @property
    def orders_per_second(self) -> float:
        """Orders simulated and written per second of the whole build."""
        return self.order_count / max(self.simulate_seconds + self.write_seconds, 1e-9)


def build_sandbox(
    config: WorldConfig,
    folder: Path,
    on_progress: ProgressListener | None = None,
    *,
    channels: Collection[str] = CHANNELS,
) -> SandboxReport:
    """Simulate the world of `config` and write its files and `truth.json` into `folder`.

    Day files of an earlier sandbox in the folder are replaced; anything else there stays. The truth
    is the whole world's, whatever is written.

    Args:
        config: the world.
        folder: where the files go.
        on_progress: told what is being done.
        channels: only their orders and buyers are written, because the others are told by servers
            (`connectors.sandbox.servers`); goods and stock are always written.

    Raises:
        InputError: the folder can't be written.
    """
    report = on_progress or _ignore_progress
    report("simulating the retailer", 0.0)
    started = time.perf_counter()
    world = simulate(config)
    simulated = time.perf_counter()
    report("writing day files", _SHARE_SIMULATED)
    written = write_files(world, folder, on_progress=report, channels=channels)
    truth = describe_truth(world, written.plan, written.records, written.broken_rows)
    truth = with_exports(truth, written.exports)
    truth_path = folder / TRUTH_FILE
    text = json.dumps(truth, ensure_ascii=False, indent=1, sort_keys=True)
    truth_path.write_text(text + "\n", encoding="utf-8")
    report("done", 1.0)
    return SandboxReport(
        folder=folder,
        truth_path=truth_path,
        order_count=len(world.orders),
        file_count=written.file_count,
        row_count=written.row_count,
        byte_count=written.byte_count,
        rows_by_entity=written.rows_by_entity,
        simulate_seconds=simulated - started,
        write_seconds=time.perf_counter() - simulated,
    )


def write_files(
    world: World,
    folder: Path,
    on_progress: ProgressListener | None = None,
    channels: Collection[str] = CHANNELS,
) -> WrittenFiles:
    """Write the day files of every entity; a day without rows has no file.

    Raises:
        InputError: the folder can't be written.
    """
    report = on_progress or _ignore_progress
    plan = plan_defects(world)
    records = of_channels(world, list_records(world, plan), channels)
    broken = plan_broken_rows(world.config, records, len(world.orders))
    exports = list_exports(world, channels)
    _prepare_folder(folder, {*ENTITY_COLUMNS, *(files.folder for files in exports.files)})
    exported = [write_day_files(files, folder, world.config) for files in exports.files]
    writer = _DayWriter(Renderer(world, plan), records, broken, folder, world.config)
    results = []
    with ThreadPoolExecutor(_WRITERS) as pool:
        for day, result in enumerate(pool.map(writer.write_day, range(world.config.days)), 1):
            results.append(result)
            share = day / world.config.days
            report("writing day files", _SHARE_SIMULATED + (1 - _SHARE_SIMULATED) * 0.95 * share)
    broken_rows = [row for result in results for row in result.broken_rows]
    rows_by_entity = {
        entity: len(records[entity]) + sum(row["entity"] == entity for row in broken_rows)
        for entity in ENTITY_COLUMNS
    }
    for files in exports.files:
        name = files.entity if files.source not in TOOLS else files.source
        rows_by_entity[name] = rows_by_entity.get(name, 0) + len(files.records)
    return WrittenFiles(
        file_count=sum(r.file_count for r in results) + sum(count for count, _ in exported),
        row_count=sum(rows_by_entity.values()),
        byte_count=sum(r.byte_count for r in results) + sum(size for _, size in exported),
        rows_by_entity=rows_by_entity,
        broken_rows=broken_rows,
        records=records,
        plan=plan,
        exports=exports,
    )


@dataclass
class _DayResult:
    file_count: int
    byte_count: int
    broken_rows: list[dict[str, str]]


class _DayWriter:
    """Writes all files of one day; used by several threads, one day at a time each."""

    def __init__(
        self,
        renderer: Renderer,
        records: dict[str, Records],
        broken: dict[tuple[str, int], list[BrokenRow]],
        folder: Path,
        config: WorldConfig,
    ) -> None:
        self._renderer = renderer
        self._records = records
        self._broken = broken
        self._folder = folder
        self._config = config

    def write_day(self, day: int) -> _DayResult:
        """Write the files of one day number."""
        result = _DayResult(0, 0, [])
        for entity, records in self._records.items():
            rows = records.of_day(day)
            if not len(rows):
                continue
            path = self._folder / entity / f"{self._config.date_of(day)}.csv"
            data = csv_bytes(self._renderer.table(rows))
            broken = self._broken.get((entity, day))
            if broken:
                data, listed = plant_broken_rows(data, broken, f"{entity}/{path.name}")
                result.broken_rows += listed
            path.write_bytes(data)
            result.file_count += 1
            result.byte_count += len(data)
        return result


def _prepare_folder(folder: Path, wanted: Collection[str]) -> None:
    """Make the wanted folders and take away the day files of an earlier sandbox."""
    try:
        for name in wanted:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in {*wanted, *TOOLS, *LEDGERS, STATEMENT_FOLDER}:
            for path in (folder / name).glob("*"):
                if _DAY_FILE.fullmatch(path.name):
                    path.unlink()
        (folder / TRUTH_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"The sandbox folder {folder} can't be written ({error.strerror}): "
            "choose another folder or free it."
        ) from error


def _ignore_progress(_stage: str, _share: float) -> None:
    """Nobody is watching."""
