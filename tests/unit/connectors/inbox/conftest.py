"""One world of pushes for all tests of the inbox: making an RSA key takes its time."""

import pytest

from tests.pushes import PushWorld


@pytest.fixture(scope="session")
def world() -> PushWorld:
    """Accounts of every platform that pushes."""
    return PushWorld()
