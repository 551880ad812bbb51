"""What the tests of failures share."""

import pytest

from infra.local.postgres import Databases


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A running product takes up every job and message that it finds: each module has a database of its own."""
    return own_databases
