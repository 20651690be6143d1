"""Which subjects of a rule are left alone, so that the effect of acting can be measured.

The draw is a hash of rule and subject: the same subject is always on the same side, on every
machine and after every restart, and the sides of two rules are independent of each other.
"""

import hashlib
from decimal import Decimal

_RANGE = 2**64


def draw(rule_id: str, subject: str) -> int:
    """A whole number from 0 to 2**64 - 1 that is as good as random over subjects."""
    digest = hashlib.sha256(f"holdout|{rule_id}|{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def is_held_out(rule_id: str, subject: str, share: Decimal) -> bool:
    """Whether a subject belongs to the hold-out group of a rule.

    A larger share only adds subjects: who was held out at 5 % still is at 10 %.

    Args:
        rule_id: the rule.
        subject: JSON of the decision's key.
        share: share of subjects to hold out, from 0 to 1.
    """
    return draw(rule_id, subject) < int(share * _RANGE)
