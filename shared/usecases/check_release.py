"""Look at a release after all traffic has moved to it: ready, and able to read what was there before (spec O74)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Refused
from shared.ports.release_under_test import ReleaseUnderTest


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRelease:
    """`label` names the deployment."""

    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRelease:
    """The report that was read; None while the smoke tenant has none."""

    report_id: str | None


def check_release(command: CheckRelease, *, release: ReleaseUnderTest) -> CheckedRelease:
    """Ready, then the newest report of the smoke tenant with its citations, by reading only.

    Raises Refused RELEASE_BLOCKED with what failed, and Retryable when the release does not answer."""
    _read(release, "/health/ready")
    filed = "/api/v1/evaluations?status=report_generated&limit=1"
    for evaluation in _read(release, filed)["items"]:
        at = f"/api/v1/evaluations/{evaluation['evaluation_id']}"
        report_id: str = _read(release, f"{at}/reports")["versions"][0]["report_id"]
        _read(release, f"/api/v1/reports/{report_id}")
        for item in _read(release, f"{at}/criteria")["items"]:
            for cited in (cited for claim in item["claims"] for cited in claim["citations"]):
                _read(release, f"/api/v1/citations/{cited['citation_id']}")
        return CheckedRelease(report_id=report_id)
    return CheckedRelease(report_id=None)


def _read(release: ReleaseUnderTest, path: str) -> Any:
    reply = release.request("GET", path)
    if reply.status >= 400:
        about = path.partition("?")[0]
        raise Refused("RELEASE_BLOCKED", f"GET {about}: {reply.status}", details={"failed_checks": [about]})
    return reply.body["data"]
