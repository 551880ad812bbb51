"""Where objects lie in tests of the port, and clients that follow the links to them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from shared.adapters.filesystem import FilesystemObjects
from shared.ports.objects import ObjectStore, SignedRequest
from tests.fakes.object_store import FakeObjects

KEY = "tenants/ten_1/uploads/upl_1/fil_1/1"
BODY = b"what the bidder sent"
SHA = hashlib.sha256(BODY).hexdigest()


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it stands at."""
        return self.time


@dataclass
class Stand:
    """A store, and a client that follows its links: the ETag of a PUT, the body of a GET."""

    objects: ObjectStore
    send: Callable[[SignedRequest, bytes], str]
    clock: SetClock

    def soon(self) -> datetime:
        """When a link shall expire."""
        return self.clock.time + timedelta(minutes=5)


def in_a_folder(root: Path) -> Stand:
    """Files, and links that the product itself answers."""
    clock = SetClock()
    objects = FilesystemObjects(root, base_url="http://localhost", key=b"k" * 32, clock=clock)

    def send(request: SignedRequest, body: bytes) -> str:
        url = urlsplit(request.url)
        grant = objects.verify(request.method, unquote(url.path.removeprefix("/objects/")), dict(parse_qsl(url.query)))
        if request.method == "GET":
            return objects.read(grant.key).decode()
        with objects.receive(grant) as incoming:
            for at in range(0, len(body), 1 << 20):
                incoming.write(body[at : at + (1 << 20)])
            return incoming.finish()

    return Stand(objects, send, clock)


def _send_http(request: SignedRequest, body: bytes) -> str:
    import requests

    answer = requests.request(request.method, request.url, data=body, headers=request.headers, timeout=5)
    answer.raise_for_status()
    return answer.text if request.method == "GET" else str(answer.headers["ETag"]).strip('"')


@contextmanager
def in_s3() -> Iterator[Stand]:
    """moto inside this process, with credentials of nobody."""
    import boto3
    from botocore.config import Config
    from moto import mock_aws

    from shared.adapters.s3 import S3Objects

    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client: Any = boto3.client("s3", region_name="eu-central-1", config=Config(signature_version="s3v4"))
        where = {"LocationConstraint": "eu-central-1"}
        client.create_bucket(Bucket="objects", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
        clock = SetClock()
        clock.time = datetime.now(UTC)
        yield Stand(S3Objects(client, bucket="objects", clock=clock), _send_http, clock)


def in_memory() -> Stand:
    """The fake."""
    clock = SetClock()
    fake = FakeObjects(clock)
    return Stand(fake, fake.send, clock)


def put_link(stand: Stand) -> SignedRequest:
    """A link to write BODY under KEY."""
    return stand.objects.sign_put(
        KEY, size_bytes=len(BODY), sha256=SHA, media_type="text/plain", expires_at=stand.soon()
    )
