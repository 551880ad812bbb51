"""What must hold in the database after the storm; each check returns what it found wrong, as lines of text."""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from shared.adapters.postgres.trail import chain_hash, tenant_audit_key
from shared.adapters.system import derive_key
from tests.chaos.storm import Storm

Check = Callable[[Storm], list[str]]
STATUS = {"reject": "rejected", "edit_scores": "report_generated"}
# T-1 is decided by a rule; T-2 waits for a person, whose points are revision 2
VERDICTS = {
    "reject": [("T-1", 1, "rule", "pass"), ("T-2", 1, "rule", "needs_human")],
    "edit_scores": [("T-1", 1, "rule", "pass"), ("T-2", 1, "rule", "needs_human"), ("T-2", 2, "person", "pass")],
}
# what an evaluation leaves when nothing is killed, per kind of row; each exactly once unless a number says otherwise
_BOTH = ["evaluation.queued", "evaluation.evaluating", "evaluation.needs_manual_decision", "job.queued"]
_BOTH += ["job.succeeded", "review.opened", "review.claimed", "review.submitted", "review.applied"]
AUDIT = {
    "reject": Counter([*_BOTH, "evaluation.rejected"]) + Counter({"verdict.suggested": 2}),
    "edit_scores": Counter([*_BOTH, "evaluation.approved", "evaluation.report_generated", "report.generated"])
    + Counter({"verdict.suggested": 2, "verdict.decided": 1}),
}
_SENT = ["evaluation.needs_manual_decision", "evaluation.started", "job.queued", "job.succeeded", "review.opened"]
EVENTS = {
    "reject": Counter([*_SENT, "review.submitted", "evaluation.rejected"]),
    "edit_scores": Counter([*_SENT, "review.submitted", "evaluation.approved", "report.generated"]),
}
_TOLD = ["criterion.finished", "criterion.needs_human", "review.opened", "review.claimed", "review.submitted"]
_TOLD += ["run.succeeded", "run.closed"]
RUN_EVENTS = {
    "reject": Counter(_TOLD) + Counter({"run.stage.changed": 3}),
    "edit_scores": Counter([*_TOLD, "criterion.finished"]) + Counter({"run.stage.changed": 4}),
}
# a search whose branches ran out of time on a busy machine is degraded: then a person is asked about T-1 as well (F24)
LATE = " after a late search"
VERDICTS["reject" + LATE] = VERDICTS["reject"]
VERDICTS["edit_scores" + LATE] = sorted([*VERDICTS["edit_scores"], ("T-1", 2, "person", "pass")])
AUDIT["reject" + LATE] = AUDIT["reject"]
AUDIT["edit_scores" + LATE] = AUDIT["edit_scores"] + Counter(["verdict.decided"])
EVENTS |= {kind + LATE: events for kind, events in EVENTS.items()}
for _kind in ("reject", "edit_scores"):
    _more = Counter(["criterion.needs_human"]) + Counter(["criterion.finished"] if _kind == "edit_scores" else [])
    RUN_EVENTS[_kind + LATE] = RUN_EVENTS[_kind] + _more - Counter(["criterion.finished"])
AUDIT["document"] = Counter(["upload.opened", "document.uploaded", "document.parse_queued", "document.parsing"])
AUDIT["document"].update(["document.parsed", "document.indexing", "document.indexed", "job.queued", "job.succeeded"])
EVENTS["document"] = Counter(["job.queued", "document.indexed", "job.succeeded"])
RUN_EVENTS["document"] = Counter({"run.stage.changed": 3, "run.succeeded": 1, "run.closed": 1})
# a killed step may be tried again, and a lost answer to a claim asked for again: that is told, and is no second effect
AGAIN = {"job.running", "job.retrying", "job.started", "job.retry.scheduled", "review.token_replaced"}
_OWNERS = """with owners (id, evaluation_id) as (
  select evaluation_id, evaluation_id from evaluations union all
  select document_id, document_id from documents union all select upload_id, document_id from documents union all
  select job_id, resource_id from jobs union all select review_id, evaluation_id from reviews union all
  select verdict_id, evaluation_id from verdicts union all select report_id, evaluation_id from reports union all
  select run_id, j.resource_id from runs join jobs j using (tenant_id, job_id)) """


def every_evaluation_ended_as_decided(storm: Storm) -> list[str]:
    """Final state by the decision, its one job succeeded, nothing in the dead letters."""
    rows = storm.rows("""select e.evaluation_id, e.status, array_agg(j.status) from evaluations e
                           left join jobs j on j.resource_id = e.evaluation_id group by 1, 2""")
    found = [f"{row[0]} is not one that was started" for row in rows if row[0] not in storm.people.expected]
    ended = {evaluation_id: (status, jobs) for evaluation_id, status, jobs in rows}
    for evaluation_id, decision in storm.people.expected.items():
        if ended.get(evaluation_id) != (STATUS[decision], ["succeeded"]):
            found.append(f"{evaluation_id} ({decision}): {ended.get(evaluation_id)}")
    return found + [f"dead letter {row}" for row in storm.rows("select dlq_id, step, error_code from dlq_items")]


def every_uploaded_document_is_indexed_once(storm: Storm) -> list[str]:
    """One parse run, gapless chunks, its one job succeeded; nothing else was uploaded."""
    rows = storm.rows("""select d.document_id, d.status, array_agg(distinct j.status), count(distinct j.job_id),
                           (select count(*) from parse_runs p where p.document_id = d.document_id),
                           (select count(*) = max(c.ordinal) + 1 from chunks c where c.document_id = d.document_id)
                         from documents d join jobs j on j.resource_id = d.document_id group by 1, 2""")
    found = [f"{row[0]}: {row[1:]}" for row in rows if row[1:] != ("indexed", ["succeeded"], 1, 1, True)]
    same = sorted(row[0] for row in rows) == sorted(storm.people.documents)
    return found if same else [*found, "not the documents that were answered with 202"]


def each_verdict_stands_once(storm: Storm) -> list[str]:
    """One revision per criterion and source, each with its citations once."""
    rows = storm.rows("""select v.evaluation_id, c.code, v.revision, v.source, v.outcome from verdicts v
                           join criteria c using (tenant_id, criterion_id) order by 1, 2, 3""")
    found = _compare(_decided(storm), _grouped(rows), VERDICTS)
    twice = storm.rows("""select verdict_id, claim_no, chunk_id, char_start from citations
                           group by 1, 2, 3, 4 having count(*) > 1""")
    return found + [f"citation twice: {row}" for row in twice]


def each_review_was_asked_and_applied_once(storm: Storm) -> list[str]:
    """One review per evaluation, one wait, one decision per item, and it is the one answered with 202."""
    rows = storm.rows("""select r.evaluation_id, r.review_id, r.round, r.status, r.decision,
                           (select array_agg(w.status) from waits w where w.subject_id = r.review_id),
                           (select count(*) from review_items i where i.review_id = r.review_id),
                           (select array_agg(d.action order by d.action) from review_decisions d
                             where d.review_id = r.review_id)
                         from reviews r""")
    actions = {"reject": ["reject"], "edit_scores": ["edit"]}
    actions |= {"reject" + LATE: ["reject", "reject"], "edit_scores" + LATE: ["accept", "edit"]}
    found, by_review, kinds = [], {row[1]: row[4] for row in rows}, _decided(storm)
    for evaluation_id, review_id, *row in rows:
        kind = kinds.get(evaluation_id, "")
        done = actions.get(kind, [])
        if row != [1, "applied", kind.removesuffix(LATE), ["delivered"], len(done), done]:
            found.append(f"{evaluation_id} {review_id}: {row}")
    if len(rows) != len(storm.people.expected):
        found.append(f"{len(rows)} reviews for {len(storm.people.expected)} evaluations")
    if by_review != storm.people.submitted:
        found.append("the stored decisions are not those that were answered with 202")
    return found


def each_report_stands_once_and_is_intact(storm: Storm) -> list[str]:
    """Version 1 of every evaluation with points, and both objects hash to what the row says."""
    rows = storm.rows("select evaluation_id, version, object_key, sha256, pdf_key, pdf_sha256 from reports")
    wanted = Counter(key for key, decision in storm.people.expected.items() if decision == "edit_scores")
    found = [] if Counter(row[0] for row in rows) == wanted else ["not one report per evaluation with points"]
    folder = storm.prepared.settings.data_dir / "objects"
    for evaluation_id, version, *objects in rows:
        found += [] if version == 1 else [f"{evaluation_id}: version {version}"]
        for key, wanted_hash in (objects[:2], objects[2:]):
            if _sha256_of(folder, key) != wanted_hash:
                found.append(f"{key} does not hash to its row")
    return found


def each_run_tells_a_gapless_story(storm: Storm) -> list[str]:
    """One run and one execution per job; run events 1..last_seq, each told as often as without kills."""
    rows = storm.rows("""select j.resource_id, r.run_id, r.status, r.last_seq, array_agg(e.seq order by e.seq)
                           from runs r join jobs j using (tenant_id, job_id)
                           left join run_events e using (tenant_id, run_id) group by 1, 2, 3, 4""")
    found = [f"{row[1]}: {row[2:]}" for row in rows if row[4] != list(range(1, row[3] + 1)) or row[2] != "succeeded"]
    if Counter(row[0] for row in rows) != Counter(_kinds(storm).keys()):
        found.append("not one run per evaluation and document")
    executions = storm.platform("select status, count(*) from local_platform.executions group by 1")
    if executions != [("SUCCEEDED", len(_kinds(storm)))]:
        found.append(f"executions: {executions}")
    told = storm.rows(_OWNERS + "select evaluation_id, event_type from run_events join owners on id = run_id")
    return found + _compare(_kinds(storm), _counted(told), RUN_EVENTS)


def the_audit_chain_holds_and_tells_each_act_once(storm: Storm) -> list[str]:
    """Every link recomputed, no gap, and per evaluation the same actions as without kills."""
    master = storm.prepared.settings.master_key.encode()
    key, before, found = tenant_audit_key(derive_key(master, "audit"), storm.tenant_id), None, []
    rows = storm.rows("select seq, prev_hash, entry_hash, entry from audit_log order by seq")
    for number, (seq, previous, own, entry) in enumerate(rows, 1):
        if seq != number or before not in (None, previous) or chain_hash(key, previous, entry) != own:
            found.append(f"the chain breaks at {seq}")
        before = own
    head = storm.rows("select last_seq, last_hash from audit_heads")
    found += [] if head == [(len(rows), before)] else [f"head {head} of {len(rows)} entries"]
    acts = storm.rows(_OWNERS + "select evaluation_id, action from audit_log left join owners on id = resource_id")
    found += _compare(_kinds(storm), _counted(acts), AUDIT)
    return found


def each_event_was_published_and_consumed(storm: Storm) -> list[str]:
    """Nothing pending, failed or left in a queue; each event stands in the outbox once."""
    left = storm.rows("select event_id, event_type, status from outbox_events where status <> 'published'")
    left += storm.platform("select message_id, queue, dead, last_error from local_platform.messages")
    left += storm.platform("select frame_id, state from local_platform.frames")
    found = [f"left over: {row}" for row in left]
    sent = storm.rows(
        _OWNERS + "select evaluation_id, event_type from outbox_events left join owners on id = aggregate_id"
    )
    unheard = storm.rows("""select event_id from outbox_events o where event_type = 'review.submitted' and not exists (
                              select from consumed_events c where c.event_id = o.event_id)""")
    return found + [f"not consumed: {row}" for row in unheard] + _compare(_kinds(storm), _counted(sent), EVENTS)


def no_event_has_a_twin(storm: Storm) -> list[str]:
    """One event per aggregate, version and type."""
    twins = storm.rows("""select aggregate_type, aggregate_id, aggregate_version, event_type, count(*)
                            from outbox_events group by 1, 2, 3, 4 having count(*) > 1""")
    return [f"twins: {row}" for row in twins]


def each_step_ended(storm: Storm) -> list[str]:
    """No attempt is left open, and none failed for another reason than a dependency that was killed."""
    rows = storm.rows("select run_id, step, attempt from step_attempts where ended_at is null")
    failed = storm.rows("""select step, error_code, error_class from step_attempts
                            where error_class is not null and not retryable""")
    return [f"open step: {row}" for row in rows] + [f"failed step: {row}" for row in failed]


def nothing_committed_was_lost(storm: Storm) -> list[str]:
    """The transactions whose caller died before it heard of their commit are there."""
    return storm.kills.lost()


def no_token_was_refused(storm: Storm) -> list[str]:
    """Nobody's answer was refused, and none was taken twice."""
    return list(storm.people.refused)


def no_process_is_left(storm: Storm) -> list[str]:
    """After the end: no parser, worker, API or server of this data folder, whoever its parent is by now."""
    folder, found = str(storm.prepared.settings.data_dir), []
    for process in psutil.process_iter(["pid", "cmdline"]):
        try:
            of_ours = process.environ().get("DATA_DIR") == folder or folder in " ".join(process.info["cmdline"] or [])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if of_ours and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(f"{process.pid}: {process.info['cmdline']}")
    return found


CHECKS: tuple[Check, ...] = (
    every_evaluation_ended_as_decided,
    every_uploaded_document_is_indexed_once,
    each_verdict_stands_once,
    each_review_was_asked_and_applied_once,
    each_report_stands_once_and_is_intact,
    each_run_tells_a_gapless_story,
    the_audit_chain_holds_and_tells_each_act_once,
    each_event_was_published_and_consumed,
    no_event_has_a_twin,
    each_step_ended,
    nothing_committed_was_lost,
    no_token_was_refused,
)


def check_all(storm: Storm) -> dict[str, list[str]]:
    """What each check found; empty lists when all is well."""
    return {check.__name__: check(storm) for check in CHECKS}


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    groups = defaultdict(list)
    for evaluation_id, *row in rows:
        groups[evaluation_id].append(tuple(row))
    return dict(groups)


def _counted(rows: Iterable[tuple[Any, ...]]) -> dict[str, Counter[str]]:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for evaluation_id, name in rows:
        if name not in AGAIN:
            groups[evaluation_id][name] += 1
    return dict(groups)


def _kinds(storm: Storm) -> dict[str, str]:
    """The decision by evaluation, and `document` by uploaded document."""
    return _decided(storm) | dict.fromkeys(storm.people.documents, "document")


def _decided(storm: Storm) -> dict[str, str]:
    """The decision by evaluation, marked where the first search for T-1 was degraded."""
    rows = storm.rows("""select v.evaluation_id from verdicts v join criteria c using (tenant_id, criterion_id)
        where c.code = 'T-1' and v.revision = 1 and v.review_reasons @> '[{"code": "DEGRADED"}]'""")
    late = {row[0] for row in rows}
    return {key: decision + LATE * (key in late) for key, decision in storm.people.expected.items()}


def _compare(kinds: Mapping[str, str], found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """A line per evaluation or document whose rows differ from those of its kind, and per row that belongs to none."""
    wanted = {key: expected[kind] for key, kind in kinds.items()}
    keys = sorted(wanted.keys() | found.keys(), key=str)
    return [f"{k}: {found.get(k)} instead of {wanted.get(k)}" for k in keys if found.get(k) != wanted.get(k)]


def _sha256_of(folder: Path, key: str) -> str:
    """Of the bytes that the key's sidecar names; empty without one."""
    sidecar = folder / "meta" / f"{key}.json"
    if not sidecar.exists():
        return ""
    version = json.loads(sidecar.read_text())["version"]
    return hashlib.sha256((folder / "data" / key / version).read_bytes()).hexdigest()
