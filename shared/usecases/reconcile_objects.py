"""Compare stored objects with the rows that name them: abort, quarantine, and alarm on a report (spec W119)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Report
from shared.domain.object_keys import tenant_prefix
from shared.domain.stored_reports import Found, keys, mismatch
from shared.domain.sweeps import STOP_BELOW_SECONDS, SWEEP_ROWS, Candidate, Reconciled
from shared.domain.upload_rules import SESSION_LIFE
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

UPLOADS, OBJECTS, REPORTS = "unfinished_uploads", "unnamed_objects", "report_objects"
# Bytes arrive before their row: an upload within its session, a report or export within its step. Two lives of a
# session are far beyond the slowest of them.
YOUNG = 2 * SESSION_LIFE
ALARM_AGAIN = timedelta(hours=20)  # so that a sweep by hand repeats no alarm of the day
PAGE = 1000  # keys looked up at once
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileObjects:
    """Nothing to say: rows and objects tell."""


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows and objects of one tenant; `taken` counts what each sweep repaired over all tenants, at most 500."""

    records: Records
    objects: ObjectStore
    clock: Clock
    time_left: Callable[[], float]
    taken: Counter[str]

    def page(self, of: Iterable[T]) -> Iterator[list[T]]:
        """Pieces of a listing, as long as time remains."""
        rest = iter(of)
        while self.time_left() > STOP_BELOW_SECONDS and (piece := list(islice(rest, PAGE))):
            yield piece


def reconcile_objects(
    command: ReconcileObjects,
    *,
    sweeps: Sweeps,
    objects: ObjectStore,
    records_of: Callable[[str], Records],
    clock: Clock,
    time_left: Callable[[], float],
) -> Reconciled:
    """Abort multipart uploads and quarantine objects that are older than two days and belong to nothing; check hash and
    lock of 500 evaluations' reports, in turns of a day. Nothing is deleted, and no report is repaired."""
    repairs = {UPLOADS: _abort, OBJECTS: _quarantine, REPORTS: _check}

    taken = Counter[str]()

    def repair(sweep: str) -> Callable[[Candidate], bool]:
        return lambda found: repairs[sweep](found, _Side(records_of(found.tenant_id), objects, clock, time_left, taken))

    def find(sweep: str) -> Callable[[], list[Candidate]]:
        return lambda: list(sweeps.find(sweep))

    return Reconciled(
        sweeps=tuple(sweeps.each(sweep, find(sweep), repair(sweep), time_left=time_left) for sweep in repairs)
    )


def _abort(found: Candidate, at: _Side) -> bool:
    old = at.clock.now() - YOUNG
    before = at.taken[UPLOADS]
    for page in at.page(at.objects.unfinished(tenant_prefix(found.tenant_id))):
        grown = {one.multipart_id: one for one in page if one.started_at < old}
        for multipart_id in at.records.repairs.ended_uploads(sorted(grown))[: SWEEP_ROWS - at.taken[UPLOADS]]:
            one = grown[multipart_id]
            at.objects.abort_multipart(one.key, multipart_id)
            observed = {"started_at": one.started_at.isoformat(), "multipart_id": multipart_id}
            at.records.findings.add(UPLOADS, _about(found, "multipart_upload", one.key, observed))
            at.taken[UPLOADS] += 1
    return at.taken[UPLOADS] > before


def _quarantine(found: Candidate, at: _Side) -> bool:
    """The finding is committed first: bytes are never moved without a record of it."""
    old = at.clock.now() - YOUNG
    before = at.taken[OBJECTS]
    for page in at.page(at.objects.listed(tenant_prefix(found.tenant_id))):
        grown = {one.key: one for one in page if one.written_at < old}
        for key in at.records.repairs.unnamed_objects(sorted(grown))[: SWEEP_ROWS - at.taken[OBJECTS]]:
            observed = {"written_at": grown[key].written_at.isoformat(), "size_bytes": grown[key].size_bytes}
            with at.records.transaction():
                at.records.findings.add(OBJECTS, _about(found, "object", key, observed))
                at.records.trail.audit("object.quarantined", "object", key, changes=observed)
            at.objects.quarantine(key)
            at.taken[OBJECTS] += 1
    return at.taken[OBJECTS] > before


def _check(found: Candidate, at: _Side) -> bool:
    """Raises Permanent DATA_CORRUPTED for the heartbeat, after the alarm of the tenant is committed."""
    wrong = {
        f"v{report.version}.{kind}": problem
        for report in at.records.reports.of_evaluation(found.subject_id)
        for kind, key, expected in keys(report)
        if (problem := _problem(key, expected, report, at))
    }
    if not wrong:
        return False
    seconds = int(ALARM_AGAIN.total_seconds())
    if not at.records.findings.is_fresh(REPORTS, found.subject_id, seconds=seconds):
        with at.records.transaction():
            evaluation = at.records.evaluations.get(found.subject_id)
            seen = _about(found, "evaluation", found.subject_id, {"wrong": wrong})
            at.records.findings.add(REPORTS, seen, repaired=False)
            at.records.trail.audit("report.mismatch", "evaluation", found.subject_id, result="failed", changes=wrong)
            about = ("evaluation", found.subject_id, evaluation.row_version)
            told = {"evaluation_id": found.subject_id, "wrong": wrong}
            at.records.trail.alert("report_mismatch", about, told, project_id=evaluation.project_id)
    raise Permanent("DATA_CORRUPTED", "a stored report is not what its row says", details=wrong)


def _problem(key: str, expected: str, report: Report, at: _Side) -> str | None:
    """The bytes are read: a store's own note of a hash would not show bytes that rotted or were exchanged."""
    hashed = sha256()
    try:
        for piece in at.objects.stream(key):
            hashed.update(piece)
        seen = Found(sha256=hashed.hexdigest(), locked_until=at.objects.locked_until(key))
    except Permanent as error:
        if error.code != "DOC_STORAGE_MISSING":
            raise
        seen = Found(sha256=None, locked_until=None)
    return mismatch(expected, report, seen, now=at.clock.now())


def _about(found: Candidate, kind: str, subject_id: str, observed: Mapping[str, object]) -> Candidate:
    return Candidate(tenant_id=found.tenant_id, subject_type=kind, subject_id=subject_id, observed=dict(observed))
