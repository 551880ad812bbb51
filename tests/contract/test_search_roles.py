"""What a deployment allows the roles of the functions in the search domain, on OpenSearch's own security plugin."""

import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opensearchpy import OpenSearch
from opensearchpy.exceptions import AuthorizationException
from requests.exceptions import RequestException

from shared.adapters.opensearch import OpenSearchIndex
from shared.adapters.opensearch_access import CLUSTER_RIGHTS, INDEX_RIGHTS, ROLE, OpenSearchAccess, rights
from shared.adapters.opensearch_generations import OpenSearchGenerations
from shared.domain.errors import CodedError, Permanent
from tests.contract import test_chunk_index as contract
from tests.contract.index_samples import OTHER, TENANT, entry, found, scope, vector
from tests.opensearch_server import enough_java
from tests.secured_opensearch import FIRST_USER, REFUSED, Secured, secured_server, security_jars

pytestmark = pytest.mark.opensearch
FUNCTION = "arn:aws:iam::123456789012:role/bidproof-dev-app-FunctionsApiRole"
STRANGER = "arn:aws:iam::123456789012:role/somebody-else"
# The only right whose lack fails nothing: the plugin tells its log, and the scroll stays open until it times out.
UNSEEN = "indices:data/read/scroll/clear"
Call = Callable[[OpenSearch], object]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The one server of this file; skips on a machine without Java 17 or without the plugin."""
    if not enough_java():
        pytest.skip("no Java 17 or newer: the rights in OpenSearch are NOT checked on this machine")
    try:
        jars = security_jars()
    except RequestException as error:
        pytest.skip(f"the security plugin was not fetched: the rights in OpenSearch are NOT checked: {error}")
    with secured_server(jars, tmp_path_factory.mktemp("secured") / "data") as server:
        yield server


@pytest.fixture
def access(secured: Secured) -> OpenSearchAccess:
    """Admits as the domain's first user."""
    return OpenSearchAccess(lambda: secured.as_role(FIRST_USER))


@pytest.fixture
def allowed(secured: Secured, access: OpenSearchAccess) -> Iterator[OpenSearch]:
    """A client of a function that was admitted."""
    access.admit([FUNCTION])
    client = secured.as_role(FUNCTION)
    yield client
    client.close()


@pytest.fixture
def first_user(secured: Secured) -> Iterator[OpenSearch]:
    """A client of the domain's first user."""
    client = secured.as_role(FIRST_USER)
    yield client
    client.close()


@pytest.fixture
def prefix(first_user: OpenSearch) -> Iterator[str]:
    """A prefix of names under the product's; what has it is removed afterwards."""
    made = f"bidproof-t{uuid.uuid4().hex[:12]}"
    yield made
    remove(first_user, made)


def remove(first_user: OpenSearch, prefix: str) -> None:
    """Indexes and templates of the prefix."""
    first_user.indices.delete(index=f"{prefix}-*")
    first_user.indices.delete_index_template(name=f"{prefix}-*", params={"ignore": 404})


def behaviours() -> list[Any]:
    """The tests of the index contract that every engine passes."""
    return [
        pytest.param(test, id=name.removeprefix("test_"))
        for name, test in vars(contract).items()
        if name.startswith("test_") and {"index", "make_index"} & inspect.signature(test).parameters.keys()
    ]


def build_and_swap(client: OpenSearch, prefix: str) -> None:
    """All that searching, indexing and reindexing sends: two tenants move to a new generation, the old one is gone."""
    mine, theirs = (
        OpenSearchGenerations(client, tenant_id=tenant, profile_id="p-1", prefix=prefix) for tenant in (TENANT, OTHER)
    )
    for tenant in (mine, theirs):
        tenant.open(1)
        tenant.searched().add([entry("c1", "alpha", vector=vector(1.0))], generation=1)
        tenant.open(2)
        tenant.at(2).add([entry("c1", "beta", vector=vector(1.0))], generation=2)
        tenant.switch(2)
    for tenant in (mine, theirs):
        tenant.drop(1)
    assert found(mine.searched(), scope(), "beta") == ["c1"]
    mine.searched().remove_document("d1")
    assert (mine.searched().count("d1"), theirs.searched().count("d1")) == (0, 1)


@pytest.mark.parametrize("behaviour", behaviours())
def test_an_admitted_role_may_do_what_the_contract_of_the_index_asks(
    behaviour: Callable[..., None], allowed: OpenSearch, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(tenant: str) -> OpenSearchIndex:
        return OpenSearchIndex(allowed, tenant_id=tenant, profile_id="p-1", prefix=prefix)

    given = {"index": make(TENANT), "make_index": make, "monkeypatch": monkeypatch}
    behaviour(**{name: given[name] for name in inspect.signature(behaviour).parameters})


def test_an_admitted_role_builds_swaps_and_drops_generations_and_lacks_nothing(
    secured: Secured, allowed: OpenSearch, first_user: OpenSearch, prefix: str
) -> None:
    before = len(secured.told())
    build_and_swap(allowed, prefix)
    assert REFUSED not in secured.told()[before:]
    assert list(first_user.indices.get_alias(index=f"{prefix}-*")) == [f"{prefix}-chunks-1-g2"]


@pytest.mark.parametrize("right", sorted({*CLUSTER_RIGHTS, *INDEX_RIGHTS} - {UNSEEN}))
def test_without_any_one_of_the_rights_something_of_it_is_refused(
    right: str, secured: Secured, allowed: OpenSearch, first_user: OpenSearch, prefix: str
) -> None:
    cluster, index = ([name for name in names if name != right] for names in (CLUSTER_RIGHTS, INDEX_RIGHTS))
    first_user.security.create_role(role=ROLE, body=rights(cluster, index))
    before = len(secured.told())
    with pytest.raises(CodedError):
        build_and_swap(allowed, prefix)
    assert REFUSED in secured.told()[before:] and right in secured.told()[before:]


def test_the_right_whose_lack_fails_nothing_would_be_told_in_the_log(
    secured: Secured, allowed: OpenSearch, first_user: OpenSearch, prefix: str
) -> None:
    before = len(secured.told())
    first_user.security.create_role(role=ROLE, body=rights([name for name in CLUSTER_RIGHTS if name != UNSEEN]))
    build_and_swap(allowed, prefix)
    told = [line for line in secured.told()[before:].splitlines() if REFUSED in line]
    assert told and all(f"Action [{UNSEEN}]" in line for line in told)


def test_a_role_that_nobody_admitted_gets_a_typed_error(secured: Secured, allowed: OpenSearch, prefix: str) -> None:
    OpenSearchIndex(allowed, tenant_id=TENANT, profile_id="p-1", prefix=prefix).add(
        [entry("c1", "words")], generation=1
    )
    stranger = secured.as_role(STRANGER)
    index = OpenSearchIndex(stranger, tenant_id=TENANT, profile_id="p-1", prefix=prefix)
    for call in (
        lambda: found(index, scope(), "words"),
        lambda: index.add([entry("c2", "words")], generation=1),
        lambda: index.count("d1"),
    ):
        with pytest.raises(Permanent) as refused:
            call()
        assert refused.value.code == "INTERNAL_ERROR"
        assert isinstance(refused.value.__cause__, AuthorizationException)
    stranger.close()


def test_a_new_list_takes_the_rights_from_who_is_not_in_it_and_may_be_sent_again(
    secured: Secured, access: OpenSearchAccess, first_user: OpenSearch
) -> None:
    for roles in ([FUNCTION, STRANGER], [STRANGER], [STRANGER]):
        access.admit(roles)
        mapping = first_user.security.get_role_mapping(role=ROLE)[ROLE]
        assert (mapping["backend_roles"], mapping["users"], mapping["hosts"]) == (roles, [], [])
    asked = secured.as_role(FUNCTION)
    with pytest.raises(Permanent):
        asked.search(index="bidproof-any", body={})
    asked.close()


OUTSIDE: dict[str, Call] = {
    "another_index_is_made": lambda asked: asked.indices.create(index="other"),
    "another_index_is_searched": lambda asked: asked.search(index="other", body={}),
    "all_indexes_are_searched": lambda asked: asked.search(index="_all", body={}),
    "another_index_is_deleted": lambda asked: asked.indices.delete(index="other"),
    "an_alias_is_put_on_another_index": lambda asked: asked.indices.update_aliases(
        body={"actions": [{"add": {"index": "other", "alias": "bidproof-x"}}]}
    ),
    "an_entry_is_read_by_its_id": lambda asked: asked.get(index="bidproof-x", id="1"),
    "rights_are_read": lambda asked: asked.security.get_role(role=ROLE),
    "rights_are_given": lambda asked: asked.security.create_role_mapping(role="all_access", body={}),
    "the_cluster_is_set": lambda asked: asked.cluster.put_settings(
        body={"persistent": {"action.auto_create_index": True}}
    ),
}


@pytest.mark.parametrize("call", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_nothing_else_is_allowed_to_an_admitted_role(call: Call, allowed: OpenSearch, first_user: OpenSearch) -> None:
    first_user.indices.create(index="other", params={"ignore": 400})
    with pytest.raises(Permanent) as refused:
        call(allowed)
    assert isinstance(refused.value.__cause__, AuthorizationException)


def test_only_the_domains_first_user_admits(secured: Secured) -> None:
    with pytest.raises(Permanent) as refused:
        OpenSearchAccess(lambda: secured.as_role(FUNCTION)).admit([FUNCTION])
    assert refused.value.code == "INTERNAL_ERROR"
