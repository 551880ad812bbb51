"""CheckReleaseGate: stored evidence admits or does not, whatever anybody says."""

from datetime import timedelta

import psycopg
import pytest

from shared.domain.errors import Permanent
from shared.usecases.check_release_gate import CheckReleaseGate, check_release_gate
from tests.releases import CHECKSUM, Counted, Evidence, Platform, a_release, measure_url


def check(platform: Platform, release_id: str, dead_letters: float = 0, failed_share: float = 0) -> bool:
    command, figures = CheckReleaseGate(release_id=release_id), Counted(dead_letters, failed_share)
    return check_release_gate(command, records=platform.records, figures=figures).admitted


@pytest.mark.parametrize(
    ("dead_letters", "failed_share", "reasons"),
    [(19, 0.01, []), (20, 0, ["DEAD_LETTERS_OPEN"]), (0, 0.011, ["QUEUE_DLQ_RATE_HIGH"])],
)
def test_20_open_dead_letters_or_more_than_1_percent_of_a_day_freeze_releases(
    platform: Platform, dead_letters: float, failed_share: float, reasons: list[str]
) -> None:
    release = platform.draft(status="gating")
    assert check(platform, release.release_id, dead_letters, failed_share) == (not reasons)
    failed = platform.records.releases.get(release.release_id).failed_checks
    assert failed == ([{"check": "RELEASES_FROZEN", "reasons": reasons}] if reasons else [])


def test_whole_evidence_admits_to_10_percent_and_a_repeat_says_the_same(platform: Platform) -> None:
    release = platform.draft(status="gating")
    assert check(platform, release.release_id) and check(platform, release.release_id)
    stands = platform.records.releases.get(release.release_id)
    assert (stands.status, stands.wanted, stands.weight, stands.failed_checks) == ("release_ready", 10, 0, [])


def test_evidence_of_more_than_7_days_is_stale(platform: Platform) -> None:
    for age, reasons in ((timedelta(days=6, hours=23), set()), (timedelta(days=7, minutes=1), {"EVIDENCE_STALE"})):
        made = Evidence(platform.databases, platform.records, measure_url(platform.databases), age=age)
        release = platform.set(a_release(made), status="gating")
        assert check(platform, release.release_id) == (not reasons)
        failed = platform.records.releases.get(release.release_id).failed_checks
        assert {reason for each in failed for reason in each["reasons"]} == reasons
        platform.clear()


def test_evidence_of_another_commit_is_none(platform: Platform) -> None:
    release = platform.draft(status="gating", commit_sha="e" * 40)
    assert not check(platform, release.release_id)
    failed = platform.records.releases.get(release.release_id).failed_checks
    assert len(failed) == 8 and all(each["reasons"] == ["EVIDENCE_MISSING"] for each in failed)


def test_a_data_set_that_was_thawed_is_asked_for(platform: Platform) -> None:
    release = platform.draft(status="gating")
    platform.as_owner(
        "update dataset_versions set frozen_at = null where dataset_version = %s", release.dataset_version
    )
    assert not check(platform, release.release_id)
    checks = [each["check"] for each in platform.records.releases.get(release.release_id).failed_checks]
    assert checks == ["DATASET_VERSION_REQUIRED"]


def test_a_release_that_was_ready_and_is_no_more_goes_no_further(platform: Platform) -> None:
    release = platform.draft(status="release_ready", commit_sha="e" * 40)
    with pytest.raises(Permanent) as refusal:
        check(platform, release.release_id)
    assert refusal.value.code == "RELEASE_BLOCKED"


def test_the_application_cannot_write_or_change_evidence_and_the_measuring_login_cannot_change_it(
    platform: Platform,
) -> None:
    release = platform.draft()
    forged = "update gate_runs set passed = true, failed_codes = '{}'"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        platform.records.session.execute(forged)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        platform.records.session.execute(
            "insert into dataset_versions (dataset_version, checksum) values ('x-v1.0.0', %(c)s)", c=CHECKSUM
        )
    url = measure_url(platform.databases)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(forged)
    assert release.status == "draft"
