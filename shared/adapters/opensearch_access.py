"""Rights of IAM roles inside a domain of AWS, by its security plugin: one role of ours, mapped to theirs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from botocore.credentials import Credentials
from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth

from shared.adapters.aws_calls import ask_unless
from shared.adapters.opensearch_client import opensearch_client, opensearch_failures
from shared.domain.errors import Retryable

ROLE = "bidproof"
PATTERN = "bidproof-*"
SESSION = "admit-search-roles"
SESSION_SECONDS = 900  # the shortest that STS gives
# What the adapters of this folder send and nothing else; the contract takes away one after the other.
# Templates, bulk requests and scrolls (a delete by query reads by one) are rights of the cluster in this plugin.
CLUSTER_RIGHTS = (
    "indices:admin/index_template/put",
    "indices:data/read/scroll",
    "indices:data/read/scroll/clear",
    "indices:data/write/bulk",
)
INDEX_RIGHTS = (
    "indices:admin/aliases",
    "indices:admin/aliases/get",
    "indices:admin/create",
    "indices:admin/delete",
    "indices:admin/mapping/put",
    "indices:admin/refresh",
    "indices:admin/refresh[s]",
    "indices:admin/settings/update",
    "indices:data/read/search",
    "indices:data/write/bulk[s]",
    "indices:data/write/delete",
    "indices:data/write/delete/byquery",
    "indices:data/write/index",
)
Answer = TypeVar("Answer")


class OneTry:
    """An owner of calls that repeats nothing: the use case does (OutboundCalls has its breakers in the database)."""

    def call(self, name: str, action: Callable[[], Answer]) -> Answer:
        """Run the action once."""
        return action()


def rights(
    cluster: Sequence[str] = CLUSTER_RIGHTS, index: Sequence[str] = INDEX_RIGHTS, *, pattern: str = PATTERN
) -> dict[str, Any]:
    """The role as the plugin takes it."""
    return {
        "cluster_permissions": list(cluster),
        "index_permissions": [{"index_patterns": [pattern], "allowed_actions": list(index)}],
    }


class OpenSearchAccess:
    """The SearchAccess port. `connect` makes a client that acts as the domain's first user, for each use anew."""

    def __init__(self, connect: Callable[[], OpenSearch]) -> None:
        self._connect = connect

    def admit(self, roles: Sequence[str]) -> None:
        """The role first, so that nobody is mapped to rights of an older release; both requests replace."""
        client = self._connect()
        try:
            with opensearch_failures():
                client.security.create_role(role=ROLE, body=rights())
                client.security.create_role_mapping(role=ROLE, body={"backend_roles": list(roles)})
        finally:
            client.close()


def as_first_user(url: str, *, region: str, role: str, sts: Any) -> OpenSearch:
    """A client of the domain whose requests are signed as `role`; `sts` comes from aws_calls.aws_client("sts").

    Raises Retryable DEPENDENCY_UNAVAILABLE while the role may not be assumed: right after it was made, IAM may not
    know everywhere who may."""
    given = ask_unless(
        {"AccessDenied", "AccessDeniedException"},
        sts.assume_role,
        RoleArn=role,
        RoleSessionName=SESSION,
        DurationSeconds=SESSION_SECONDS,
    )
    if given is None:
        raise Retryable("DEPENDENCY_UNAVAILABLE", "the role of the domain's first user may not be assumed")
    kept = given["Credentials"]
    signer = Urllib3AWSV4SignerAuth(
        Credentials(kept["AccessKeyId"], kept["SecretAccessKey"], kept["SessionToken"]), region, "es"
    )
    return opensearch_client(url, calls=OneTry(), signer=signer)
