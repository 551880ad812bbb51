"""Releases: what admits them, when traffic moves on or back, in which order, within which times (spec 08, 06.6)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

# The tenant of the platform itself: the jobs, events and audit entries of releases are its (D21).
PLATFORM_TENANT = "ten_000000000000000000p1atf0rm"
WEIGHTS = (10, 30, 100)  # percent of new work on the candidate, W59
CLEAN = {10: timedelta(minutes=30), 30: timedelta(minutes=30), 100: timedelta(minutes=60)}  # W60
OPEN_DEAD_LETTERS = 20  # W107
FAILED_SHARE = 0.01  # of the jobs of a day, W107
BREACHES = 2  # consecutive, O41
FRESH = timedelta(days=7)  # O32
FIRST_ACTION = timedelta(minutes=5)  # from the alarm, W65
VERIFIED = timedelta(minutes=30)  # from the alarm to a passed replay, W65
# the order of a rollback, O41; the first two are configuration rows, the others aliases of the platform
MODEL, RETRIEVAL, WORKFLOW, RELEASE = (
    "model_configuration",
    "retrieval_parameters",
    "workflow_version",
    "release_version",
)
ROLLBACK_ORDER = (MODEL, RETRIEVAL, WORKFLOW, RELEASE)
CONFIGURATION = (MODEL, RETRIEVAL)
# evidence that an admission bundle names by the id of its run, O37
EVIDENCE = ("quality", "performance", "security", "cost", "replay", "rollout", "rollback_drill", "operations")
DATASET = "DATASET_VERSION_REQUIRED"
BUSY = ("gating", "release_ready", "canary", "baking", "rolling_back", "replay_verifying")  # one release at a time
SHIFTED = ("canary", "baking", "closed")
ROLL_BACK, SHIFT, CLOSE, WAIT = "roll_back", "shift", "close", "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A row of `releases` (D89, O38). `candidate` and `baseline` are Versions as JSON; `evidence` is kind -> id of a
    stored run; `weight` is what the aliases have, `wanted` what they shall have next, both in percent."""

    release_id: str
    version: str
    commit_sha: str
    dataset_version: str
    change_class: str
    candidate: dict[str, Any]
    baseline: dict[str, Any]
    evidence: dict[str, str]
    alarms: list[str]
    tenant_allow_list: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    approvers: list[str] = field(default_factory=list)
    status: str = "draft"
    job_id: str | None = None
    weight: int = 0
    wanted: int = 0
    weight_since: datetime | None = None
    clean_since: datetime | None = None
    breaches: int = 0
    observed: str = ""
    verdict: str = WAIT
    failed_checks: list[dict[str, Any]] = field(default_factory=list)
    alarm_at: datetime | None = None
    rollback_reason: str | None = None
    rollback_by: str | None = None
    rollback_no: int = 0
    first_action_at: datetime | None = None
    verified_at: datetime | None = None
    created_at: datetime | None = None
    created_by: str = ""
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """One set of everything that moves together: two configurations, machine -> version, function -> version."""

    model_configuration: str
    retrieval_parameters: str
    workflows: Mapping[str, str]
    functions: Mapping[str, str]

    def configuration(self, part: str) -> str:
        """The version of one of CONFIGURATION."""
        return {MODEL: self.model_configuration, RETRIEVAL: self.retrieval_parameters}[part]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStep:
    """A row of `release_steps`: a shift, a step of a rollback or its replay, with the times of the database."""

    release_id: str
    step_no: int
    kind: str
    part: str | None = None
    rollback_no: int = 0
    weight: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    verified: bool | None = None
    healthy: bool | None = None
    breaches: int = 0
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """A row of `gate_runs`, written by the measuring role only; `samples` of `planned_samples` were measured (O31)."""

    gate_run_id: str
    gate: str
    dataset_version: str
    dataset_checksum: str
    commit_sha: str
    machine: str
    configuration: dict[str, Any]
    estimators: list[str]
    planned_samples: int
    samples: int
    raw_key: str
    raw_hash: str
    metrics: dict[str, Any]
    passed: bool
    failed_codes: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """A row of `dataset_versions`; it counts for a release once it is frozen (O38, O48)."""

    dataset_version: str
    checksum: str
    frozen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """How an alarm stands: `ok`, `alarm` or `unknown` (no data, or there is no such alarm), and since when."""

    name: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What follows from one look at the alarms of a release."""

    verdict: str
    breaches: int
    clean_since: datetime | None
    alarm_at: datetime | None = None


def read_versions(stored: Mapping[str, Any]) -> Versions:
    """The versions of a row."""
    return Versions(
        model_configuration=str(stored[MODEL]),
        retrieval_parameters=str(stored[RETRIEVAL]),
        workflows=dict(stored["workflows"]),
        functions=dict(stored["functions"]),
    )


def failed_checks(
    release: Release, runs: Mapping[str, GateRun | None], dataset: DatasetVersion | None, *, now: datetime
) -> list[dict[str, Any]]:
    """What keeps the release from being admitted, each with its codes; empty admits it (O32, O37)."""
    failed: list[dict[str, Any]] = []
    if dataset is None or dataset.frozen_at is None:
        failed.append({"check": DATASET, "reasons": ["EVIDENCE_MISSING"]})
    for kind in EVIDENCE:
        reasons = _reasons(kind, runs.get(kind), release, dataset, now)
        if reasons:
            check = "REPLAY_E2E_FAILED" if kind == "replay" else f"{kind.upper()}_GATE_FAILED"
            failed.append({"check": check, "reasons": reasons, "gate_run_id": release.evidence.get(kind)})
    return failed


def freeze(figures: Mapping[str, float]) -> list[dict[str, Any]]:
    """The failed check of a stage whose work ends in dead letters (W107); `figures` by the names of the metrics."""
    reasons = []
    if figures["dead_letters_open"] >= OPEN_DEAD_LETTERS:
        reasons.append("DEAD_LETTERS_OPEN")
    if figures["run_failure_share"] > FAILED_SHARE:
        reasons.append("QUEUE_DLQ_RATE_HIGH")
    return [{"check": "RELEASES_FROZEN", "reasons": reasons}] if reasons else []


def _reasons(
    kind: str, run: GateRun | None, release: Release, dataset: DatasetVersion | None, now: datetime
) -> list[str]:
    """A run of another kind, commit or data set version is no evidence for this release."""
    is_of_this = run is not None and (run.gate, run.commit_sha, run.dataset_version) == (
        kind,
        release.commit_sha,
        release.dataset_version,
    )
    if run is None or not is_of_this or (dataset is not None and run.dataset_checksum != dataset.checksum):
        return ["EVIDENCE_MISSING"]
    reasons = [] if run.passed else [*run.failed_codes]
    if run.samples < run.planned_samples or run.samples < 1 or not run.metrics:
        reasons.append("EVIDENCE_TOO_SMALL")
    if now - run.created_at > FRESH:
        reasons.append("EVIDENCE_STALE")
    return reasons if reasons or run.passed else ["EVIDENCE_MISSING"]


def next_weight(weight: int) -> int:
    """The weight after this one; 100 stays."""
    return next((each for each in WEIGHTS if each > weight), WEIGHTS[-1])


def sizes_at(weight: int) -> list[str]:
    """The sizes of projects that the candidate may get at this weight: small, then medium, then large (O40)."""
    return ["small", "medium", "large"][: 1 + sum(weight > each for each in WEIGHTS[:2])] if weight else []


def observe(release: Release, alarms: Sequence[Alarm], *, now: datetime) -> Observation:
    """One look: a breach counts, two in a row roll back; a look without data neither counts nor is clean (W60, O41)."""
    if release.rollback_reason is not None:
        return Observation(verdict=ROLL_BACK, breaches=release.breaches, clean_since=None, alarm_at=release.alarm_at)
    raised = [alarm for alarm in alarms if alarm.state == "alarm"]
    if raised:
        since = max(min(alarm.since for alarm in raised), release.weight_since or now)
        began = release.alarm_at or min(since, now)
        breaches = release.breaches + 1
        verdict = ROLL_BACK if breaches >= BREACHES else WAIT
        return Observation(verdict=verdict, breaches=breaches, clean_since=None, alarm_at=began)
    if len(alarms) < len(release.alarms) or any(alarm.state != "ok" for alarm in alarms):
        return Observation(verdict=WAIT, breaches=0, clean_since=None)
    clean_since = release.clean_since or now
    if now - clean_since < CLEAN[release.weight]:
        return Observation(verdict=WAIT, breaches=0, clean_since=clean_since)
    return Observation(verdict=CLOSE if release.weight == WEIGHTS[-1] else SHIFT, breaches=0, clean_since=clean_since)


def is_healthy(alarms: Iterable[Alarm], names: Iterable[str]) -> bool:
    """Whether every named alarm is there and quiet; without data nothing is known to be healthy."""
    quiet = {alarm.name for alarm in alarms if alarm.state == "ok"}
    return set(names) <= quiet


def rollback_times(release: Release) -> dict[str, Any]:
    """Seconds from the alarm to the first action and to the verified end, and whether both are within W65."""
    if release.alarm_at is None or release.first_action_at is None:
        return {}
    first = release.first_action_at - release.alarm_at
    times: dict[str, Any] = {"alarm_to_first_action_s": first.total_seconds(), "within_limits": first <= FIRST_ACTION}
    if release.verified_at is not None:
        whole = release.verified_at - release.alarm_at
        times |= {"alarm_to_verified_s": whole.total_seconds()}
        times["within_limits"] = first <= FIRST_ACTION and whole <= VERIFIED
    return times


def split(version: str, candidate: str, weight: int) -> tuple[str, str | None, int]:
    """What an alias holds at this weight of the candidate: the version in charge, and beside it one with a part."""
    if weight == 0 or version == candidate:
        return version, None, 0
    return (candidate, None, 0) if weight == WEIGHTS[-1] else (version, candidate, weight)


def weight_of(held: tuple[str, str | None, int] | None, candidate: str) -> int:
    """The percentage that an alias gives the candidate; the reverse of `split`."""
    if held is None:
        return 0
    version, other, weight = held
    return WEIGHTS[-1] if version == candidate else weight if other == candidate else 0


def chosen(held: tuple[str, str | None, int], subject: str) -> str:
    """The version of a configuration that a subject gets: by its hash, so it is the same at every asking, and who has
    the candidate at 10 % has it at 30 % too."""
    version, candidate, weight = held
    place = int.from_bytes(sha256(subject.encode()).digest()[:8], "big") % 100
    return candidate if candidate is not None and place < weight else version
