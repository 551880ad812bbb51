"""A release is drafted on a frozen data set, once per version."""

from dataclasses import replace

import pytest

from shared.domain.errors import Refused
from shared.usecases.draft_release import DraftRelease, draft_release
from tests.records import ids, make_records
from tests.releases import Platform, versions


def command(dataset_version: str) -> DraftRelease:
    return DraftRelease(
        version=f"2.{ids.new('rel')[-8:]}",
        commit_sha="c" * 40,
        dataset_version=dataset_version,
        change_class="C1",
        candidate=versions(2),
        baseline=versions(1),
        evidence={},
        alarms=["bidproof-errors"],
    )


def test_a_draft_needs_a_frozen_data_set_and_a_version_of_its_own(platform: Platform) -> None:
    known = platform.draft()
    asked = command(known.dataset_version)
    made = draft_release(asked, records=platform.records, ids=ids)
    assert (made.status, made.weight, made.job_id) == ("draft", 0, None)
    for other, code in (
        (asked, "CODE_TAKEN"),
        (replace(asked, version="9.9", dataset_version="none-v1.0.0"), "DATASET_VERSION_REQUIRED"),
    ):
        with pytest.raises(Refused) as refusal:
            draft_release(other, records=platform.records, ids=ids)
        assert refusal.value.code == code


def test_a_tenant_sees_no_release_and_writes_none(platform: Platform) -> None:
    release = platform.draft()
    tenant = make_records(platform.databases)
    with pytest.raises(Refused) as refusal:
        tenant.releases.get(release.release_id)
    assert refusal.value.code == "RELEASE_NOT_FOUND"
    assert tenant.releases.list(filters={}, before=None, limit=10) == []
    tenant.releases.switch.close("a tenant wants it")
    assert tenant.releases.switch.reason() is None
