"""What dbt makes of what was read from a platform: its canonical rows, added up.

Beside `tests.platforms`, which reads: here bronze has gone through staging and the intermediate
models, as every mart sees it.
"""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from connectors.lake.attach import connect_snapshot
from connectors.sandbox.servers.serve import ServedSandbox
from connectors.settings import Settings, load_settings
from tests.dbt_command import run_dbt

SHAPES = ("orders", "order_lines", "payments", "refunds", "parcels", "customers")


@dataclass(frozen=True)
class CanonicalRows:
    """The canonical rows of one source in one home."""

    home: Path
    source: str

    @property
    def _settings(self) -> Settings:
        return load_settings(home=self.home)

    def build(self, *models: str) -> None:
        """Let dbt build these models (default: all shapes) with what they need, and test them."""
        chosen = models or tuple(f"int_{self.source}__{shape}" for shape in SHAPES)
        run_dbt(
            self._settings, "--quiet", "build", "--select", *(f"+{model}" for model in chosen),
            "order_status_map", "refund_status_map", "shipment_status_map",
            "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious",
            # One folder a process, and all sources enabled: dbt parses the project once.
            target=_target_path(),
        )  # fmt: skip

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the newest state of the lake."""
        connection = connect_snapshot(self._settings)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def figures(self, *, has_parcels: bool = True) -> dict[str, Any]:
        """Counts, sums in fen and canonical statuses, named as the sandbox's truth names them."""
        sums = {
            ("orders", "order_fen"): ("orders", "gross_amount"),
            ("lines", "line_fen"): ("order_lines", "line_amount"),
            ("payments", "paid_fen"): ("payments", "amount"),
            ("refunds", "refund_fen"): ("refunds", "amount"),
        }
        figures: dict[str, Any] = {}
        for names, (shape, column) in sums.items():
            ((count, total),) = self.rows(
                f"select count(*), coalesce(sum({column} * 100), 0)::bigint from {self._of(shape)}"
            )
            figures |= dict(zip(names, (count, total), strict=True))
        ((figures["pieces"],),) = self.rows(
            f"select coalesce(sum(quantity), 0)::bigint from {self._of('order_lines')}"
        )
        if has_parcels:
            ((figures["parcels"],),) = self.rows(f"select count(*) from {self._of('parcels')}")
        statuses = self._statuses("orders", "order_status")
        figures["orders_by_status"] = {status: count for status, count, _ in statuses}
        outcomes = self._statuses("refunds", "refund_status")
        figures["refunds_by_outcome"] = {outcome: count for outcome, count, _ in outcomes}
        figures["refunded_fen"] = sum(fen for outcome, _, fen in outcomes if outcome == "refunded")
        return figures

    def _of(self, shape: str) -> str:
        return f"lake.intermediate.int_{self.source}__{shape}"

    def _statuses(self, shape: str, column: str) -> list[tuple[str, int, int]]:
        seed = f"lake.reference.{column}_map"
        amount = "found.gross_amount" if shape == "orders" else "found.amount"
        return self.rows(f"""
            select
                coalesce(found.derived_status::varchar, words.{column}, 'unknown'),
                count(*),
                sum({amount} * 100)::bigint
            from {self._of(shape)} as found
            left join {seed} as words
                on words.source = found.source and words.source_status = found.source_status
            group by all
        """)


@cache
def _target_path() -> Path:
    folder = tempfile.mkdtemp(prefix="fourflow-dbt-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def truth_of(sandbox: ServedSandbox, channel: str) -> dict[str, Any]:
    """A channel's truth in the words of `figures`; states that nothing is in are left out."""
    truth: dict[str, Any] = sandbox.truth()[channel]
    truth.pop("parcels_by_carrier", None)
    for name in ("orders_by_status", "refunds_by_outcome"):
        truth[name] = {word: count for word, count in truth[name].items() if count}
    # A refund that its buyer withdrew is none any more: that is its canonical status.
    withdrawn = truth["refunds_by_outcome"].pop("withdrawn", 0)
    if withdrawn:
        truth["refunds_by_outcome"]["none"] = withdrawn
    return truth
