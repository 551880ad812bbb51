"""What the tests of several use cases stand on."""

from collections.abc import Iterator

import pytest

from infra.local.postgres import Databases
from tests.releases import Platform


@pytest.fixture
def platform(databases: Databases) -> Iterator[Platform]:
    """The platform's rows; nothing of a release is under way after the test."""
    made = Platform(databases)
    made.clear()
    yield made
    made.clear()
