"""After the traffic moved, old reports and their citations are read; the first that is not blocks the release."""

from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.errors import Refused
from shared.ports.release_under_test import Reply, SmokeRole
from shared.usecases.check_release import CheckRelease, check_release

ANSWERS: dict[str, Any] = {
    "/health/ready": {},
    "/api/v1/evaluations": {"items": [{"evaluation_id": "evl_1"}]},
    "/api/v1/evaluations/evl_1/reports": {"versions": [{"report_id": "rpt_1"}]},
    "/api/v1/reports/rpt_1": {},
    "/api/v1/evaluations/evl_1/criteria": {"items": [{"claims": [{"citations": [{"citation_id": "cit_1"}]}]}]},
    "/api/v1/citations/cit_1": {},
}


class Scripted:
    def __init__(self, **changed: Any) -> None:
        self.answers, self.paths = ANSWERS | changed, list[str]()

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: SmokeRole = "agent"
    ) -> Reply:
        assert method == "GET", "it only reads"
        self.paths.append(path.partition("?")[0])
        found = self.answers[self.paths[-1]]
        return Reply(status=found if isinstance(found, int) else 200, body={"data": found})

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> int:
        raise AssertionError("it only reads")


def test_the_newest_report_is_read_with_its_citations() -> None:
    release = Scripted()
    assert check_release(CheckRelease(label="d-1"), release=release).report_id == "rpt_1"
    assert release.paths == list(ANSWERS)


def test_a_tenant_without_reports_is_ready_all_the_same() -> None:
    release = Scripted(**{"/api/v1/evaluations": {"items": []}})
    assert check_release(CheckRelease(label="d-1"), release=release).report_id is None


@pytest.mark.parametrize("path", ANSWERS)
def test_what_is_not_read_blocks_the_release_by_its_path(path: str) -> None:
    with pytest.raises(Refused) as refused:
        check_release(CheckRelease(label="d-1"), release=Scripted(**{path: 503}))
    assert (refused.value.code, refused.value.details) == ("RELEASE_BLOCKED", {"failed_checks": [path]})
