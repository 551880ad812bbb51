"""The files of exports: the report's own bytes, or a table that no spreadsheet runs."""

import csv
import hashlib
import io
import json

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from shared.domain.exports import safe_cell
from shared.usecases.work_tasks import claim
from tests.exports import a_report, export_of, render, requested
from tests.records import ids


@pytest.mark.parametrize("kind", ["json", "pdf", "csv"])
def test_the_file_is_there_with_its_hash_and_a_repeat_is_harmless(databases: Databases, kind: str) -> None:
    seed, report_id = a_report(databases)
    made, report = requested(seed, report_id, kind), seed.records.reports.get(report_id)
    claimed = claim(seed.records, ids, made.job.job_id)
    assert claimed is not None
    key = f"tenants/{made.job.tenant_id}/exports/{made.export.export_id}/report.{kind}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seed.records.moves, "close_run", lambda *_: 1 / 0)  # a crash after the file is written
        with pytest.raises(ZeroDivisionError):
            render(seed, claimed.job, claimed.run_id)
    assert export_of(seed, made).status == "queued" and seed.objects.read(key)
    render(seed, claimed.job, claimed.run_id)
    done = export_of(seed, made)
    body = seed.objects.read(key)
    assert (done.status, done.sha256, done.size_bytes) == ("ready", hashlib.sha256(body).hexdigest(), len(body))
    assert body == seed.objects.read({"json": report.object_key, "pdf": report.pdf_key}.get(kind, key))


def test_the_table_has_one_row_per_criterion_with_formulas_neutralised(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made, report = requested(seed, report_id), seed.records.reports.get(report_id)
    claimed = claim(seed.records, ids, made.job.job_id)
    assert claimed is not None
    render(seed, claimed.job, claimed.run_id)
    text = seed.objects.read(export_of(seed, made).object_key or "").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    [entry] = json.loads(seed.objects.read(report.object_key))["criteria"]
    assert [(row["code"], row["outcome"], row["score"]) for row in rows] == [("T-1", entry["outcome"], entry["score"])]
    assert rows[0]["requirement"] == "'=1+1 within 60 days"


@pytest.mark.parametrize("text", ["=A1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_other_cells_stay_as_they_are() -> None:
    assert [safe_cell(v) for v in (None, True, "a=b", "投标")] == ["", "true", "a=b", "投标"]


@pytest.mark.parametrize("kind", ["json", "csv", "pdf"])
def test_a_report_with_other_bytes_than_filed_is_not_exported(databases: Databases, kind: str) -> None:
    seed, report_id = a_report(databases)
    made, report = requested(seed, report_id, kind), seed.records.reports.get(report_id)
    claimed = claim(seed.records, ids, made.job.job_id)
    assert claimed is not None
    for key in (report.object_key, report.pdf_key):
        seed.objects._kept[key].body += b" "
    with pytest.raises(Permanent) as error:
        render(seed, claimed.job, claimed.run_id)
    assert error.value.code == "DATA_CORRUPTED" and export_of(seed, made).status == "queued"
