"""The sentence about orders that customers enter themselves."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import LANGUAGES, Translator
from app_streamlit.words.channel_words import self_service


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({"shop": 1.0, "till": 0.0}, ""),  # nobody has begun, and a till never will
        ({"shop": 1.0, "agents": 0.25, "partners": 0.5, "till": 0.0}, "agents"),
        ({"shop": None}, ""),
        ({}, ""),
    ],
)
def test_only_channels_where_customers_have_begun_are_named(language, shares, told):
    words = SimpleNamespace(
        t=Translator(language), channel_label=lambda channel, _business: channel
    )
    figures: dict[str, dict[str, Any]] = {
        channel: {"self_service_order_share": share} for channel, share in shares.items()
    }

    sentence = self_service(cast("PageContext", words), "b", figures)

    assert ("25.0%" in sentence) is bool(told)
    assert (told in sentence) if told else sentence == ""
