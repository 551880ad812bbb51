"""One API server per worker process, a fresh tenant per test."""

from collections.abc import Iterator

import pytest

from infra.local.postgres import Databases
from tests.handlers.api_server import Api, Server, new_api, serve


@pytest.fixture(scope="session")
def api_server(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The running API."""
    with serve(databases, tmp_path_factory.mktemp("api")) as server:
        yield server


@pytest.fixture
def api(api_server: Server) -> Iterator[Api]:
    """A fresh tenant's view of it."""
    made = new_api(api_server)
    yield made
    made.http.close()


@pytest.fixture
def other(api_server: Server) -> Iterator[Api]:
    """Another tenant."""
    made = new_api(api_server)
    yield made
    made.http.close()
