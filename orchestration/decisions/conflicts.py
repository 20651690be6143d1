"""Rules that decide the same about one subject: the one of the lowest number wins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestration.decisions.definition import RuleDefinition
from orchestration.decisions.proposals import Evaluation


def resolve_conflicts(
    found: Sequence[tuple[RuleDefinition, Evaluation]],
) -> list[tuple[RuleDefinition, Evaluation]]:
    """Of rules that decide the same about one subject, let the one of the lowest number win.

    At equal priority the first rule by id wins. Rules in shadow neither win nor lose: they show
    what they would do. What was overruled is kept in the evaluation with the winner's id.
    """
    winners: dict[tuple[str, str], str] = {}
    for rule, evaluation in sorted(found, key=lambda one: (one[0].priority, one[0].rule_id)):
        if rule.decides and rule.is_enabled:
            for proposal in evaluation.proposals:
                winners.setdefault((rule.decides, proposal.subject), rule.rule_id)
    return [(rule, _without_overruled(rule, evaluation, winners)) for rule, evaluation in found]


def _without_overruled(
    rule: RuleDefinition, evaluation: Evaluation, winners: Mapping[tuple[str, str], str]
) -> Evaluation:
    if not rule.decides or not rule.is_enabled:
        return evaluation
    kept, overruled = [], []
    for proposal in evaluation.proposals:
        winner = winners[rule.decides, proposal.subject]
        if winner == rule.rule_id:
            kept.append(proposal)
        else:
            overruled.append((proposal.subject, winner))
    return replace(evaluation, proposals=tuple(kept), overruled=tuple(overruled))
