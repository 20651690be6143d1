"""Changes of rules: saved, switched, rolled back. Each forgets what the pages have cached."""

from app_streamlit.queries import rulebook as cached
from app_streamlit.queries.access import write_as
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions import rulebook
from orchestration.decisions.definition import Mode, RuleDefinition


def save(rule: RuleDefinition, *, author: str, reason: str, based_on: int) -> int:
    """Store a version; returns its number.

    Raises:
        InputError: author or reason is empty.
        RuleChangedError: somebody stored another version meanwhile.
        ForbiddenError: the viewer may not edit rules.
    """
    author = write_as("edit_rules", rule.rule_id, author)
    engine = open_database(load_settings())
    try:
        return rulebook.save_rule(engine, rule, author=author, reason=reason, based_on=based_on)
    finally:
        cached.forget()


def switch(rule_id: str, mode: Mode, *, author: str, reason: str, based_on: int) -> int:
    """Enable a rule, let it run in shadow or disable it; returns the version now in force.

    Raises:
        InputError: author or reason is empty.
        RuleChangedError: somebody stored another version meanwhile.
        ForbiddenError: the viewer may not edit rules.
    """
    author = write_as("edit_rules", rule_id, author)
    engine = open_database(load_settings())
    try:
        return rulebook.switch_rule(
            engine, rule_id, mode, author=author, reason=reason, based_on=based_on
        )
    finally:
        cached.forget()


def roll_back(rule_id: str, to_version: int, *, author: str, reason: str, based_on: int) -> int:
    """Put an earlier version in force again; returns the version now in force.

    Raises:
        InputError: author or reason is empty.
        RuleChangedError: somebody stored another version meanwhile.
        ForbiddenError: the viewer may not edit rules.
    """
    author = write_as("edit_rules", rule_id, author)
    engine = open_database(load_settings())
    try:
        return rulebook.roll_back_rule(
            engine,
            rule_id,
            to_version=to_version,
            author=author,
            reason=reason,
            based_on=based_on,
        )
    finally:
        cached.forget()
