"""Blocks of accounts and people: pairs that want a decision, and all that is known of one pair."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app_streamlit.queries.edition import Edition, has_table, open_edition, rows
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.stewardship import identities
from orchestration.stewardship.identities import Decision, PairEvidence

PAIRS = 100
_FRESH_SECONDS = 5
_LINKED = "linked"


@dataclass(frozen=True)
class OfferedPair:
    """Two accounts that somebody may look at.

    Attributes:
        why: type of the conflict; `linked` of accounts that are one person now.
        detail: reason of the conflict, or rule of the link.
    """

    customer_key_a: str
    customer_key_b: str
    why: str
    detail: str

    @property
    def keys(self) -> tuple[str, str]:
        """Both accounts."""
        return self.customer_key_a, self.customer_key_b


@st.cache_data(max_entries=32, show_spinner=False)
def count_people(edition: Edition, business: str) -> tuple[int, int]:
    """Accounts of a business, and the people behind them; zeros when nobody knows."""
    if not has_table(edition, "person_accounts"):
        return 0, 0
    [found] = rows(
        edition,
        "select count(*) as accounts, count(distinct person_key) as people "
        "from person_accounts where business = $business",
        {"business": business},
    )
    return int(found["accounts"]), int(found["people"])


@st.cache_data(max_entries=32, show_spinner=False)
def load_conflicts(edition: Edition, business: str) -> list[OfferedPair]:
    """Pairs that want a decision, the likeliest first."""
    return _pairs(
        edition,
        "select customer_key_a, customer_key_b, conflict_type as why, reason as detail "
        "from rpt_identity_conflicts where business = $business "
        "order by match_probability desc nulls last, customer_key_a, customer_key_b limit $limit",
        {"business": business, "limit": PAIRS},
    )


@st.cache_data(max_entries=32, show_spinner=False)
def load_linked(edition: Edition, business: str) -> list[OfferedPair]:
    """Accounts that are one person, with that person's first account; the weakest link first."""
    return _pairs(
        edition,
        "select person_key as customer_key_a, customer_key as customer_key_b, 'linked' as why, "
        "coalesce(linked_by, '') as detail from person_accounts "
        "where business = $business and not is_first_account "
        "order by match_probability, customer_key limit $limit",
        {"business": business, "limit": PAIRS},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def find_pairs(edition: Edition, business: str, words: str) -> list[OfferedPair]:
    """The pairs that somebody asks for.

    Args:
        edition: what is read.
        business: whose accounts.
        words: an account, for the pairs of its person; two, to compare them. An account is its key
            or the buyer's id at the end of it.
    """
    asked = words.replace(",", " ").replace("，", " ").split()[:2]
    found = [_accounts(edition, business, one) for one in asked]
    if len(found) == 2 and all(found):
        return [OfferedPair(found[0][0][0], found[1][0][0], "asked", "")]
    people = {person for accounts in found for _, person in accounts}
    return load_linked_to(edition, tuple(sorted(people)))


@st.cache_data(max_entries=64, show_spinner=False)
def load_linked_to(edition: Edition, people: tuple[str, ...]) -> list[OfferedPair]:
    """The accounts of these people, each with the first one."""
    return _pairs(
        edition,
        "select person_key as customer_key_a, customer_key as customer_key_b, 'linked' as why, "
        "coalesce(linked_by, '') as detail from person_accounts "
        "where list_contains($people, person_key) and not is_first_account "
        "order by match_probability, customer_key limit $limit",
        {"people": list(people), "limit": PAIRS},
    )


def _accounts(edition: Edition, business: str, words: str) -> list[tuple[str, str]]:
    found = rows(
        edition,
        "select customer_key, person_key from person_accounts where business = $business and "
        "(customer_key = $words or split_part(customer_key, ':', -1) = $words) "
        "order by customer_key limit $limit",
        {"business": business, "words": words, "limit": PAIRS},
    )
    return [(str(row["customer_key"]), str(row["person_key"])) for row in found]


@st.cache_data(max_entries=8, show_spinner=False)
def load_rule_labels(edition: Edition) -> dict[str, dict[str, object]]:
    """The seed's row of every rule that links accounts."""
    if not has_table(edition, "identity_rules"):
        return {}
    return {str(row["rule"]): row for row in rows(edition, "select * from identity_rules")}


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_evidence(edition: Edition, pair: tuple[str, str]) -> PairEvidence:
    """What is known of two accounts, and what was decided about them."""
    engine = open_database(load_settings())
    return identities.pair_evidence(engine, open_edition(edition), pair)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_identity_decisions(edition: Edition, business: str) -> list[Decision]:
    """What was decided about accounts of a business, the newest first."""
    engine = open_database(load_settings())
    found = identities.list_decisions(engine, open_edition(edition))
    return [one for one in found if one.business == business]


def forget() -> None:
    """After a decision: the next page reads anew."""
    load_evidence.clear()
    load_identity_decisions.clear()


def _pairs(edition: Edition, sql: str, params: dict[str, Any]) -> list[OfferedPair]:
    if not has_table(edition, "rpt_identity_conflicts"):
        return []
    return [OfferedPair(**row) for row in rows(edition, sql, params)]
