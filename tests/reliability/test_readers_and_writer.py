"""Readers of the published snapshot while runs write: no error, no inconsistent pair of reads."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.reliability.conftest import Inbox

pytestmark = [pytest.mark.reliability]

SECONDS = 120
LEAST_RUNS = 2
READERS = 4

READER = textwrap.dedent(
    """
    import json, pathlib, sys, time
    from connectors.lake.reader import open_published
    from connectors.settings import load_settings

    settings, stop = load_settings(home=sys.argv[1]), pathlib.Path(sys.argv[2])
    reads, errors, inconsistent, seen = 0, [], [], set()
    while not stop.exists():
        time.sleep(1)  # a person looks at what came
        try:
            with open_published(settings) as lake:
                for _ in range(5):
                    parts = lake.rows(
                        "select sum(order_count)::bigint as n, sum(gross_amount) as a "
                        "from rpt_channel_daily"
                    )
                    lines = lake.rows(
                        "select count(*) as n from fct_orders o where not exists "
                        "(select 1 from fct_order_lines l where l.order_key = o.order_key) "
                        "and o.line_count > 0"
                    )
                    reads += 3
                    seen.add(lake.publication.publication_id)
                    sale = lake.rows(
                        "select count(*) as n, sum(gross_amount) as a from fct_orders "
                        "where order_type = 'sale'"
                    )
                    if parts != sale:
                        inconsistent.append([str(sale), str(parts)])
                    if lines[0]["n"]:
                        inconsistent.append(["orders without lines", str(lines)])
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    print(json.dumps({"reads": reads, "errors": errors, "inconsistent": inconsistent,
                      "publications": len(seen)}))
    """
)


def test_readers_never_see_an_error_or_a_mixed_state(
    installation: Installation, inbox: Inbox, tmp_path: Path
):
    inbox.receive(10)
    installation.run("run", f"--source=sandbox={inbox.folder}")
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(installation.home), str(stop)],
            stdout=subprocess.PIPE, text=True, env=installation.variables(),
        )
        for _ in range(READERS)
    ]  # fmt: skip
    end = time.monotonic() + SECONDS
    runs = 0
    while time.monotonic() < end or runs < LEAST_RUNS:
        inbox.receive(1)
        installation.run("run")
        runs += 1
    stop.touch()
    results = [json.loads(reader.communicate()[0]) for reader in readers]
    print(f"{runs} runs beside", results)  # noqa: T201 (the figures of this test)
    assert [result["errors"] for result in results] == [[]] * READERS
    assert [result["inconsistent"] for result in results] == [[]] * READERS
    assert all(result["reads"] > 0 for result in results)
    assert max(result["publications"] for result in results) > 1
