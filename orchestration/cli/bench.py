"""`fourflow bench`: runs a benchmark of this checkout and prints its figures.

A benchmark is a module in `tests/benchmarks/` with `run() -> dict`: figures by name, in the order
in which they are printed. It makes what it needs in a scratch folder and touches no installation.
A list of rows is printed as a table. What `run` takes by keyword can be given as options
(`fourflow bench day --base 300000`).
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.settings import PROJECT_ROOT
from orchestration.cli.printing import JsonOption, plain, print_json, print_rows

_FOLDER = PROJECT_ROOT / "tests" / "benchmarks"


def bench(
    name: Annotated[str, typer.Argument(help="Which benchmark; empty lists them.")] = "",
    base: Annotated[int | None, typer.Option(min=1, help="Orders that are there before.")] = None,
    orders: Annotated[int | None, typer.Option(min=1, help="Orders of a day.")] = None,
    folder: Annotated[str | None, typer.Option(help="Keep what is built there.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Measure something on this machine and print the figures."""
    if not name:
        typer.echo("\n".join(benchmark_names()))
        return
    run = find_benchmark(name).run
    figures = plain(run(**_given(name, run, base=base, orders=orders, folder=folder)))
    if json:
        print_json(figures)
        return
    tables = {figure: value for figure, value in figures.items() if isinstance(value, list)}
    for figure, rows in tables.items():
        print_rows(figure.replace("_", " ").capitalize(), rows, empty="")
    single = {figure: value for figure, value in figures.items() if figure not in tables}
    width = max(map(len, single), default=0)
    console = Console(highlight=False, soft_wrap=True)
    for figure, value in single.items():
        shown = f"{value:,}" if isinstance(value, int | float) else value
        console.print(f"{figure.replace('_', ' '):<{width}}  {shown}")


def _given(name: str, run: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """The options that were given, as keyword arguments of the benchmark's `run`."""
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in inspect.signature(run).parameters:
            raise InputError(f"The benchmark {name} has no option --{option}: leave it out.")
    return given


def benchmark_names() -> list[str]:
    """Names of all benchmarks; what only helps others has no `run`."""
    modules = {path.stem: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.py")}
    return sorted(name for name, source in modules.items() if "\ndef run(" in source)


def find_benchmark(name: str) -> ModuleType:
    """The benchmark of that name, or the only one whose name begins so.

    Raises:
        InputError: there is none, or more than one.
    """
    wanted = name.replace("-", "_")
    known = benchmark_names()
    found = [one for one in known if one == wanted] or [n for n in known if n.startswith(wanted)]
    if len(found) != 1:
        raise InputError(f"There is no benchmark {name!r}; {suggest(wanted, found or known)}.")
    if str(PROJECT_ROOT) not in sys.path:
        sys.path.insert(0, str(PROJECT_ROOT))
    return importlib.import_module(f"tests.benchmarks.{found[0]}")
