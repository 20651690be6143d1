"""How good a return-risk model is, beside what costs nothing, and whether it may be used."""

from dataclasses import dataclass, fields
from datetime import datetime

import pandas as pd

from models_ml.evaluations import Scores, evaluation_frame
from models_ml.returns.candidates import BASE_RATE


@dataclass(frozen=True)
class ReturnRiskReport:
    """What the test said."""

    business: str
    kept: str
    """Name of the candidate in use."""
    learner: str
    """Name of the learner that validation preferred."""
    scores: dict[str, Scores]
    """Candidate -> figures on the newest rows, from the simplest to the learner."""
    random_split: Scores
    """The learner on rows drawn at random: what a careless test would have claimed."""
    base_rate: float
    """Share of returned lines in the test."""
    margin: float
    rows: dict[str, int]
    """Rows of fit, calibrate and test."""
    window_start: pd.Timestamp
    window_end: pd.Timestamp
    model_version: str

    @property
    def is_learner_kept(self) -> bool:
        """Whether the learner earned its place."""
        return self.kept == self.learner

    def summary(self) -> str:
        """Two sentences for a person."""
        ours, base = self.scores[self.learner], self.scores[BASE_RATE]
        verdict = (
            "it is in use"
            if self.is_learner_kept
            else f"that is not {self.margin:.0%} better than {self.kept}, which is used instead"
        )
        return (
            f"On the {self.rows['test']} newest matured lines the {self.learner} has average "
            f"precision {ours.average_precision:.3f} (base rate {self.base_rate:.3f}), Brier "
            f"{ours.brier:.4f} (constant {base.brier:.4f}); {verdict}. A random split would have "
            f"claimed {self.random_split.average_precision:.3f}."
        )

    def frame(self, *, evaluated_at: datetime) -> pd.DataFrame:
        """Rows of `model_evaluations`: every figure of the learner beside every other's.

        The row `is_learner_kept` is 1 or 0; its baseline_name is the model in use.
        """
        ours = self.scores[self.learner]
        others = {name: scores for name, scores in self.scores.items() if name != self.learner}
        others["random_split"] = self.random_split
        rows = [
            (field.name, getattr(ours, field.name), name, getattr(scores, field.name))
            for field in fields(Scores)
            for name, scores in others.items()
        ]
        kept_baseline = float(self.scores[self.kept].average_precision)
        rows.append(("is_learner_kept", float(self.is_learner_kept), self.kept, kept_baseline))
        return evaluation_frame(
            rows,
            model="return_risk",
            business=self.business,
            window=(self.window_start, self.window_end),
            row_count=self.rows["test"],
            model_version=self.model_version,
            evaluated_at=evaluated_at,
        )
