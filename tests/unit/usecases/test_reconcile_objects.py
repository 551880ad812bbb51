"""Objects that belong to nothing are set aside, young ones stay, and a report that changed raises an alarm."""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.filesystem import FilesystemObjects
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.domain.evaluation_rows import Report
from shared.domain.object_keys import quarantine_key
from shared.domain.sweeps import Candidate, Swept
from shared.usecases.abort_upload import AbortUpload, abort_upload
from shared.usecases.reconcile_objects import YOUNG, ReconcileObjects, reconcile_objects
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.ingest import Stand, declared, make_stand
from tests.records import clock, ids, make_records, pool
from tests.sweeping import findings, heartbeat, sweep

OLD = YOUNG.total_seconds() + 60


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


class OfOneTenant(PostgresSweeps):
    """The real sweeps, blind to what other tests left in the module's database."""

    def __init__(self, databases: Databases, tenant_id: str) -> None:
        super().__init__(pool(databases.sweep_url))
        self.tenant_id = tenant_id

    def find(self, sweep: str) -> list[Candidate]:
        return [found for found in super().find(sweep) if found.tenant_id == self.tenant_id]


def reconcile(
    databases: Databases, records: PostgresRecords, objects: FilesystemObjects, **given: Any
) -> dict[str, Swept]:
    mine = OfOneTenant(databases, records.actor.tenant_id)
    return sweep(databases, reconcile_objects, ReconcileObjects(), objects=objects, sweeps=mine, **given)


def age(root: Path, name: str, seconds: float = OLD) -> None:
    """Let files below the store's folder be that old: sidecars of objects, targets of multipart uploads."""
    found = [path for path in root.rglob("*") if path.is_file() and name in path.as_posix()]
    assert found
    for path in found:
        os.utime(path, (clock.now().timestamp() - seconds,) * 2)


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def test_an_object_that_no_row_names_is_quarantined_when_it_is_old(stand: Stand, tmp_path: Path) -> None:
    document = stand.uploaded()
    tenant = stand.records.actor.tenant_id
    named = stand.records.uploads.blob(document.sha256).object_key
    old, young = (f"tenants/{tenant}/uploads/upl_lost/fil_{n}/1" for n in (1, 2))
    for key in (old, young):
        stand.objects.put(key, b"nobody knows", media_type="text/plain")
    age(tmp_path, "meta/tenants")
    age(tmp_path, f"meta/{young}", seconds=YOUNG.total_seconds() - 60)
    done = reconcile(stand.databases, stand.again(), stand.objects)["unnamed_objects"]
    assert (done.repaired, done.error_code) == (1, None)
    assert sorted(one.key for one in stand.objects.listed(f"tenants/{tenant}/")) == sorted([named, young])
    assert stand.objects.read(quarantine_key(old)) == b"nobody knows"
    row = findings(stand.records, "unnamed_objects", old)
    assert [(r["repaired"], r["observed"]["size_bytes"]) for r in row] == [(True, 12)]
    audited = stand.records.session.rows("select resource_id from audit_log where action = 'object.quarantined'")
    assert [r["resource_id"] for r in audited] == [old]
    assert reconcile(stand.databases, stand.again(), stand.objects)["unnamed_objects"].repaired == 0
    assert heartbeat(stand.databases, "unnamed_objects").last_ok_at is not None


def test_a_sweep_sets_aside_so_many_and_the_next_one_goes_on(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.usecases.reconcile_objects.SWEEP_ROWS", 2)
    monkeypatch.setattr("shared.usecases.reconcile_objects.PAGE", 2)
    tenant = stand.records.actor.tenant_id
    for n in range(3):
        stand.objects.put(f"tenants/{tenant}/uploads/upl_lost/fil_{n}/1", b"x", media_type="text/plain")
    age(tmp_path, "meta/tenants")
    for left in (1, 0):
        assert reconcile(stand.databases, stand.again(), stand.objects)["unnamed_objects"].repaired == 1, "one tenant"
        assert len(list(stand.objects.listed(f"tenants/{tenant}/"))) == left


def test_what_any_table_names_stays(databases: Databases, tmp_path: Path) -> None:
    made, report = a_report(databases, tmp_path)
    stand = Stand(databases, made.records, objects_in(tmp_path), made.index, made.project.project_id, "")
    opened = stand.open(declared(b"not complete yet", doc_type="tender"), tender=True)
    assert opened.links[0].put is not None
    stand.send(opened.links[0].put, b"not complete yet")
    export = f"tenants/{made.records.actor.tenant_id}/exports/exp_1/report.json"
    stand.objects.put(export, b"{}", media_type="application/json")
    made.records.session.execute(
        """insert into exports (export_id, kind, source, status, object_key, sha256)
           values ('exp_1', 'json', '{}', 'ready', %(key)s, 'x')""",
        key=export,
    )
    age(tmp_path, "meta/tenants")
    before = {one.key for one in stand.objects.listed(f"tenants/{made.records.actor.tenant_id}/")}
    assert {report.object_key, report.pdf_key, export, opened.files[0].object_key} <= before
    assert reconcile(databases, made.records, stand.objects)["unnamed_objects"].repaired == 0
    assert {one.key for one in stand.objects.listed(f"tenants/{made.records.actor.tenant_id}/")} == before


def test_a_multipart_upload_is_aborted_when_its_session_is_over_and_it_is_old(stand: Stand, tmp_path: Path) -> None:
    big = replace(declared(b"x"), size_bytes=200 << 20, sha256="a" * 64)
    living, over = stand.open(big), stand.open(replace(big, sha256="b" * 64))
    multiparts = [opened.files[0].multipart_id for opened in (living, over)]
    assert all(multiparts)
    stand.records.session.execute(
        "update upload_sessions set status = 'expired' where upload_id = %(id)s", id=over.upload.upload_id
    )
    prefix = f"tenants/{stand.records.actor.tenant_id}/"
    assert reconcile(stand.databases, stand.again(), stand.objects)["unfinished_uploads"].repaired == 0, "young"
    age(tmp_path, "parts/")
    assert reconcile(stand.databases, stand.again(), stand.objects)["unfinished_uploads"].repaired == 1
    assert [one.multipart_id for one in stand.objects.unfinished(prefix)] == [multiparts[0]]
    assert len(findings(stand.records, "unfinished_uploads", str(over.files[0].object_key))) == 1
    assert reconcile(stand.databases, stand.again(), stand.objects)["unfinished_uploads"].repaired == 0
    command = AbortUpload(upload_id=living.upload.upload_id)
    abort_upload(command, records=stand.records, objects=stand.objects, clock=clock)


def objects_in(root: Path) -> FilesystemObjects:
    return FilesystemObjects(root, base_url="http://localhost", key=b"k" * 32, clock=clock)


def a_report(databases: Databases, root: Path) -> tuple[Seed, Report]:
    """A stored report with its lock: bytes and row as BuildReport leaves them."""
    one = [criterion("T-1", "numeric_limit", points="100", test=DELIVERY)]
    made = Seed(make_records(databases), one, url=databases.app_url)
    made.objects = objects_in(root)  # type: ignore[assignment]
    started, _ = made.suggest(made.bid("S-1", *BID))
    made.report(started.evaluation.evaluation_id)
    first = made.records.reports.of_evaluation(started.evaluation.evaluation_id)[0]
    until = clock.now().replace(microsecond=0) + timedelta(days=180)
    body = objects_in(root).read(first.object_key)
    key, pdf = (of.replace("/v1.", "/v2.") for of in (first.object_key, first.pdf_key))  # random ids may hold a "v1"
    for to, of in ((key, body), (pdf, b"%PDF-")):
        objects_in(root).put(to, of, media_type="application/json", locked_until=until)
    second = replace(
        first,
        report_id=ids.new("rpt"),
        version=2,
        object_key=key,
        pdf_key=pdf,
        pdf_sha256=objects_in(root).head(pdf).sha256,
        locked_until=until,
    )
    made.records.reports.add(second)
    return made, second


def alarms(made: Seed) -> list[dict[str, Any]]:
    return [
        row["payload"]
        for row in made.records.session.rows("select payload from outbox_events where event_type = 'alert.raised'")
    ]


def exchange_bytes(root: Path, report: Report) -> None:
    next((root / "data" / report.object_key).iterdir()).write_bytes(b'{"total": 100}')


def take_lock(root: Path, report: Report) -> None:
    sidecar = root / "meta" / f"{report.pdf_key}.json"
    content = json.loads(sidecar.read_text())
    earlier = datetime.fromisoformat(content["locked_until"]) - timedelta(days=365)
    sidecar.write_text(json.dumps(content | {"locked_until": earlier.isoformat()}))


def delete_object(root: Path, report: Report) -> None:
    (root / "meta" / f"{report.pdf_key}.json").unlink()


@pytest.mark.parametrize(
    ("harm", "wrong"),
    [(exchange_bytes, {"v2.json": "hash"}), (take_lock, {"v2.pdf": "lock"}), (delete_object, {"v2.pdf": "missing"})],
)
def test_a_report_that_is_not_what_its_row_says_raises_an_alarm_and_is_not_touched(
    databases: Databases, tmp_path: Path, harm: Any, wrong: dict[str, str]
) -> None:
    made, report = a_report(databases, tmp_path)
    objects = objects_in(tmp_path)
    assert reconcile(databases, made.records, objects)["report_objects"].error_code is None
    assert alarms(made) == []
    harm(tmp_path, report)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = reconcile(databases, made.records, objects)["report_objects"]
    assert (done.repaired, done.error_code) == (0, "DATA_CORRUPTED")
    assert [(alarm["kind"], alarm["severity"], alarm["wrong"]) for alarm in alarms(made)] == [
        ("report_mismatch", "critical", wrong)
    ]
    row = findings(made.records, "report_objects", report.evaluation_id)
    assert [(r["repaired"], r["observed"]["wrong"]) for r in row] == [(False, wrong)]
    assert heartbeat(databases, "report_objects").error_code == "DATA_CORRUPTED"
    assert reconcile(databases, made.records, objects)["report_objects"].error_code == "DATA_CORRUPTED"
    assert len(alarms(made)) == 1, "once a day"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files
