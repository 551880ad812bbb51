"""The object store refuses the report's put, or holds the key already (F26 of spec 06)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from infra.local.postgres import Databases
from shared.adapters.filesystem import FilesystemObjects
from shared.adapters.s3 import S3Objects
from shared.domain.errors import Permanent, Retryable
from shared.ports.objects import ObjectStore, StoredObject
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, make_records

Store = tuple[ObjectStore, Callable[[], None], Callable[[], None]]  # the store, how it breaks, how it is mended


def a_folder(root: Path) -> Store:
    """A folder of objects; a file stands where it writes what comes in, as on a disk that is gone."""

    def refuse() -> None:
        root.mkdir(exist_ok=True)
        (root / "incoming").write_text("in the way")

    def allow() -> None:
        (root / "incoming").unlink()

    return FilesystemObjects(root, base_url="http://localhost", key=b"k" * 32, clock=clock), refuse, allow


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A bucket with Object Lock whose puts may meet a service that does not answer."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    out = [False]

    def answer(**_: Any) -> None:
        if out[0]:
            raise EndpointConnectionError(endpoint_url="https://objects")

    with mock_aws():
        client: Any = boto3.client("s3", region_name="eu-central-1", config=Config(signature_version="s3v4"))
        where = {"LocationConstraint": "eu-central-1"}
        client.create_bucket(Bucket="objects", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
        client.meta.events.register("before-call.s3.PutObject", answer)
        objects = S3Objects(client, bucket="objects", clock=clock)
        yield objects, lambda: out.__setitem__(0, True), lambda: out.__setitem__(0, False)


@pytest.fixture(params=["filesystem", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        found: Store = request.getfixturevalue("bucket")
        return found
    return a_folder(tmp_path / "objects")


def decided(databases: Databases, store: Store) -> tuple[Seed, str]:
    """An approved evaluation whose report is the next step."""
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    made.objects = store[0]  # type: ignore[assignment]
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, review_id = started.evaluation.evaluation_id, made.ask(started)
    made.answer(made.person(databases), review_id, "edit_scores", made.points("T-2", "48"))
    made.settle(evaluation_id, review_id)
    return made, evaluation_id


def test_f26_a_store_that_refuses_the_put_is_asked_again_and_nothing_is_said_before(
    databases: Databases, store: Store
) -> None:
    objects, refuse, allow = store
    made, evaluation_id = decided(databases, store)
    refuse()
    with pytest.raises(Retryable) as refused:
        made.report(evaluation_id)
    assert refused.value.code == "DEPENDENCY_UNAVAILABLE"
    assert made.records.reports.of_evaluation(evaluation_id) == []
    assert made.records.evaluations.get(evaluation_id).status == "approved"
    allow()
    built = made.report(evaluation_id)
    [report] = made.records.reports.of_evaluation(evaluation_id)
    assert (report.report_id, report.version) == (built.report_id, 1)
    assert objects.head(report.object_key).sha256 == report.sha256 == built.sha256


def test_f26_a_key_that_exists_with_the_same_hash_is_accepted(databases: Databases, store: Store) -> None:
    made, evaluation_id = decided(databases, store)
    put: list[StoredObject] = []
    real = type(store[0]).put

    class Crash(Exception):
        """The worker dies after the first file."""

    def once(self: ObjectStore, key: str, body: bytes, **more: Any) -> StoredObject:
        if put:
            raise Crash
        put.append(real(self, key, body, **more))
        return put[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(store[0]), "put", once)
        with pytest.raises(Crash):
            made.report(evaluation_id)
    made.report(evaluation_id)
    [report] = made.records.reports.of_evaluation(evaluation_id)
    assert (report.object_key, report.sha256, report.object_version) == (put[0].key, put[0].sha256, put[0].version)
    assert made.records.evaluations.get(evaluation_id).status == "report_generated"


@pytest.mark.parametrize("ending", ["json", "pdf"])
def test_f26_a_key_that_exists_with_another_hash_is_an_error_and_its_bytes_stay(
    databases: Databases, store: Store, ending: str
) -> None:
    made, evaluation_id = decided(databases, store)
    key = f"tenants/{made.records.actor.tenant_id}/reports/{evaluation_id}/v1.{ending}"
    store[0].put(key, b"{}", media_type="application/json")
    with pytest.raises(Permanent) as raised:
        made.report(evaluation_id)
    assert raised.value.code == "REPORT_IMMUTABLE"
    assert store[0].read(key) == b"{}"
    assert made.records.reports.of_evaluation(evaluation_id) == []
    assert made.records.evaluations.get(evaluation_id).status == "approved"
