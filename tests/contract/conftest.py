"""Fixtures of the contract suites: the real OpenSearch, and a session on this worker's database."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from opensearchpy import OpenSearch

from infra.local.postgres import Databases
from shared.adapters.postgres.session import Session, open_pool
from shared.domain.context import Actor
from tests.opensearch_server import enough_java, shared_server


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """The address of the one server of this test run; skips on a machine without Java 17."""
    if not enough_java():
        pytest.skip("no Java 17 or newer: the OpenSearch contract is NOT checked on this machine")
    with shared_server() as url:
        yield url


@pytest.fixture(scope="session")
def opensearch_client(opensearch_url: str) -> Iterator[OpenSearch]:
    """A client of that server."""
    client = OpenSearch(opensearch_url, timeout=60)
    yield client
    client.close()


@pytest.fixture
def opensearch_prefix(opensearch_client: OpenSearch) -> Iterator[str]:
    """A prefix of index names that this test alone uses; its indices are dropped afterwards."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    yield prefix
    opensearch_client.indices.delete(index=f"{prefix}-*")
    opensearch_client.indices.delete_index_template(name=f"{prefix}-*", params={"ignore": 404})


@pytest.fixture
def session_of(databases: Databases) -> Iterator[Callable[[str], Session]]:
    """Makes a session of the application role for a tenant."""
    pool = open_pool(databases.app_url, size=2)

    def make(tenant_id: str) -> Session:
        return Session(pool, Actor(tenant_id=tenant_id, actor_id="usr_test", kind="system"))

    yield make
    pool.close()
