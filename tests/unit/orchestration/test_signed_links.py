"""Tokens are good in the one spelling in which they were signed."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature

from orchestration.signed_links import TokenSigner

SIGNER = TokenSigner("k" * 64, "test link")
_LETTERS = string.ascii_letters + string.digits + "-_.=/ é"


@given(content=st.one_of(st.text(max_size=80), st.lists(st.integers(), max_size=5)))
def test_what_was_signed_is_read(content: object) -> None:
    assert SIGNER.read(SIGNER.sign(content)) == content


@pytest.mark.parametrize("content", ["one", "two", ["an order", 1_800_000_000], "x" * 300])
def test_any_other_letter_at_any_place_is_refused(content: object) -> None:
    token = SIGNER.sign(content)
    for place, letter in enumerate(token):
        for other in _LETTERS.replace(letter, ""):
            with pytest.raises(BadSignature):
                SIGNER.read(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("added", ["=", "==", "A", ".", "\n", " "])
def test_nothing_is_added_to_a_token(added: str) -> None:
    with pytest.raises(BadSignature):
        SIGNER.read(SIGNER.sign("one") + added)
    with pytest.raises(BadSignature):
        SIGNER.read(added + SIGNER.sign("one"))


def test_a_token_of_another_purpose_is_refused() -> None:
    with pytest.raises(BadSignature):
        TokenSigner("k" * 64, "other link").read(SIGNER.sign("one"))
