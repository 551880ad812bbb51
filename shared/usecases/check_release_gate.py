"""CheckReleaseGate: stored evidence, named by id, admits a release or blocks it (spec W57, W107, O32, O37)."""

from dataclasses import dataclass

from shared.domain.errors import Permanent
from shared.domain.releases import WEIGHTS, failed_checks, freeze
from shared.ports.records import Records
from shared.ports.telemetry import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReleaseGate:
    """Which release; what it was measured to be stands in rows, never in a request."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedReleaseGate:
    """Whether traffic may move, and how many checks failed."""

    admitted: bool
    failed: int


def check_release_gate(command: CheckReleaseGate, *, records: Records, figures: Figures) -> CheckedReleaseGate:
    """Keep the failed checks; without one the release is ready for 10 %.

    Raises Permanent RELEASE_BLOCKED for a release that was ready before and is no more (D108 knows no way back)."""
    frozen = freeze({figure.metric: figure.value for figure in figures.read() if not figure.labels})
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        runs = {kind: records.releases.gate_run(run_id) for kind, run_id in release.evidence.items()}
        dataset, _ = records.releases.dataset(release.dataset_version)
        failed = [*failed_checks(release, runs, dataset, now=records.releases.now()), *frozen]
        if release.status == "gating" and not failed:
            records.moves.release(release, "release_ready", failed_checks=[], wanted=WEIGHTS[0])
        elif release.status == "gating":
            records.releases.change(release, failed_checks=failed)
        elif failed:
            raise Permanent("RELEASE_BLOCKED", details={"failed_checks": failed})
    return CheckedReleaseGate(admitted=not failed, failed=len(failed))
