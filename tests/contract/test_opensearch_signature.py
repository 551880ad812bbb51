"""Requests to a domain of AWS as they leave the process: signed anew for each try, with credentials that are valid."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from opensearchpy import OpenSearch

from shared.adapters.opensearch_access import OpenSearchAccess, as_first_user, rights
from shared.adapters.opensearch_client import opensearch_client, signed_by
from shared.adapters.outbound_calls import OutboundCalls
from shared.domain.errors import Permanent, Retryable
from tests.contract.test_opensearch_client import Closed
from tests.moto_server import moto_client
from tests.records import clock

REGION = "eu-central-1"
KEYS = {"AKIAFIRST": "first-secret", "AKIASECOND": "second-secret"}


@dataclass
class Heard:
    """A request as the bytes on the wire say."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Domain:
    """A server that takes every request and keeps it, and gives credentials as a container agent does."""

    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: list(KEYS))
    url: str = ""

    def credentials(self) -> dict[str, str]:
        """About to expire, so the next request must ask again."""
        key = self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]
        soon = datetime.now(UTC) + timedelta(minutes=1)
        given = {"AccessKeyId": key, "SecretAccessKey": KEYS[key], "Token": f"token-of-{key}"}
        return given | {"Expiration": soon.strftime("%Y-%m-%dT%H:%M:%SZ")}


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Domain]:
    """The server; the process finds its credentials where a container would."""
    made = Domain()

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/credentials":
                self.answer(200, made.credentials())
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.heard.append(Heard(self.command, self.path, dict(self.headers.items()), body))
            self.answer(made.statuses.pop(0) if made.statuses else 200, {"items": [], "hits": {"hits": []}})

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

        def answer(self, status: int, content: dict[str, Any]) -> None:
            text = b"" if self.command == "HEAD" else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{made.url}/credentials")
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def next_second(seconds: float) -> None:
    """Wait until the date of a signature would be another one."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def client(domain: Domain) -> OpenSearch:
    """As AwsServices makes it."""
    calls = OutboundCalls(Closed(), clock=clock, sleep=next_second, chance=lambda: 0.5)
    return opensearch_client(domain.url, calls=calls, signer=signed_by(region=REGION))


def parts(heard: Heard) -> dict[str, str]:
    """Credential, SignedHeaders and Signature of the authorization."""
    kind, _, rest = heard.headers["Authorization"].partition(" ")
    assert kind == "AWS4-HMAC-SHA256"
    return dict(part.split("=", 1) for part in rest.split(", "))


def recomputed(domain: Domain, heard: Heard, secrets: Mapping[str, str] = KEYS) -> str:
    """The signature that botocore computes from what arrived: method, path, signed headers and the body's bytes."""
    given = parts(heard)
    key, date, region, service, _ = given["Credential"].split("/")
    assert (region, service, date) == (REGION, "es", heard.headers["X-Amz-Date"][:8])
    lowered = {name.lower(): value for name, value in heard.headers.items()}
    signed = {name: lowered[name] for name in given["SignedHeaders"].split(";") if name != "host"}
    request = AWSRequest(method=heard.method, url=f"{domain.url}{heard.path}", data=heard.body, headers=signed)
    request.context["timestamp"] = heard.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(key, secrets[key]), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


def test_what_arrives_is_signed_for_the_service_es_with_and_without_a_body(domain: Domain) -> None:
    asked = client(domain)
    asked.search(index="bidproof-tenant-ten_a", body={"query": {"term": {"terms": "投标"}}}, params={"size": 1})
    asked.bulk(body=[{"index": {"_id": "ten_a/c#r1-2"}}, {"terms": "x"}], index="a", params={"require_alias": "true"})
    asked.indices.exists_alias(name="bidproof-generation-ten_a-1")
    asked.search(index="bidproof-generation-ten_a-*", body={})
    asked.indices.delete(index="bidproof-chunks-1-g1")
    assert [heard.method for heard in domain.heard] == ["POST", "POST", "HEAD", "POST", "DELETE"]
    for heard in domain.heard:
        given = parts(heard)
        assert given["Signature"] == recomputed(domain, heard)
        assert {"host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"} <= {
            *given["SignedHeaders"].split(";")
        }
    changed = domain.heard[1]
    changed.body += b" "
    changed.headers["X-Amz-Content-SHA256"] = SigV4Auth(None, "es", REGION).payload(
        AWSRequest(method="POST", url=domain.url, data=changed.body)
    )
    assert parts(changed)["Signature"] != recomputed(domain, changed), "another body has another signature"


def test_a_repeated_request_is_signed_again_with_its_own_date(domain: Domain) -> None:
    domain.statuses = [503, 429]
    client(domain).search(index="x", body={"query": {"match_all": {}}})
    assert len(domain.heard) == 3 and len({heard.body for heard in domain.heard}) == 1
    assert len({heard.headers["X-Amz-Date"] for heard in domain.heard}) == 3
    assert len({parts(heard)["Signature"] for heard in domain.heard}) == 3
    for heard in domain.heard:
        assert parts(heard)["Signature"] == recomputed(domain, heard)


def test_credentials_that_expire_are_fetched_again(domain: Domain) -> None:
    asked = client(domain)
    asked.search(index="x", body={})
    asked.search(index="x", body={})
    keys = [parts(heard)["Credential"].split("/")[0] for heard in domain.heard]
    assert keys[-1] == "AKIASECOND"
    for heard, key in zip(domain.heard, keys, strict=True):
        assert heard.headers["X-Amz-Security-Token"] == f"token-of-{key}"
        assert parts(heard)["Signature"] == recomputed(domain, heard)


FIRST_USER = "arn:aws:iam::123456789012:role/first-user"
ROLES = ["arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"]


class Sts:
    """STS as moto answers on the wire, and what it was asked for and gave."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.given: dict[str, str] = {}

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        """Credentials of the role."""
        self.asked.append(asked)
        answer: dict[str, Any] = moto_client("sts").assume_role(**asked)
        self.given = answer["Credentials"]
        return answer


def access(domain: Domain, sts: Any) -> OpenSearchAccess:
    """As AwsServices makes it."""
    return OpenSearchAccess(lambda: as_first_user(domain.url, region=REGION, role=FIRST_USER, sts=sts))


def test_a_deployment_sends_two_requests_signed_as_the_domains_first_user(domain: Domain) -> None:
    sts = Sts()
    access(domain, sts).admit(ROLES)
    assert [(asked["RoleArn"], asked["DurationSeconds"]) for asked in sts.asked] == [(FIRST_USER, 900)]
    assert [(heard.method, heard.path, json.loads(heard.body)) for heard in domain.heard] == [
        ("PUT", "/_plugins/_security/api/roles/bidproof", rights()),
        ("PUT", "/_plugins/_security/api/rolesmapping/bidproof", {"backend_roles": ROLES}),
    ]
    for heard in domain.heard:
        assert heard.headers["X-Amz-Security-Token"] == sts.given["SessionToken"]
        secrets = {sts.given["AccessKeyId"]: sts.given["SecretAccessKey"]}
        assert parts(heard)["Signature"] == recomputed(domain, heard, secrets)


def test_a_domain_that_refuses_the_role_maps_nobody_and_is_not_asked_twice(domain: Domain) -> None:
    domain.statuses = [403]
    with pytest.raises(Permanent) as refused:
        access(domain, Sts()).admit(ROLES)
    assert refused.value.code == "INTERNAL_ERROR"
    assert len(domain.heard) == 1


def test_a_domain_that_is_busy_is_a_retryable_failure_left_to_the_deployment(domain: Domain) -> None:
    domain.statuses = [503]
    with pytest.raises(Retryable) as busy:
        access(domain, Sts()).admit(ROLES)
    assert (busy.value.code, len(domain.heard)) == ("RAG_UPSTREAM_UNAVAILABLE", 1)


def test_a_first_user_that_may_not_be_assumed_yet_is_a_retryable_failure(domain: Domain) -> None:
    class Refusing:
        def assume_role(self, **asked: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole")

    with pytest.raises(Retryable) as refused:
        access(domain, Refusing()).admit(ROLES)
    assert refused.value.code == "DEPENDENCY_UNAVAILABLE"
    assert domain.heard == []
