"""Draft a release: what moves together, what it is measured by, who approved (spec O38, A144)."""

from dataclasses import dataclass, field
from typing import Any

from shared.domain.errors import Refused
from shared.domain.releases import Release
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRelease:
    """The record of O38: versions, and evidence by the ids of stored runs; no metric and no verdict."""

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


def draft_release(command: DraftRelease, *, records: Records, ids: Ids) -> Release:
    """Insert the draft. Raises Refused DATASET_VERSION_REQUIRED without a frozen data set, CODE_TAKEN for a version
    that is known."""
    with records.transaction():
        dataset, _ = records.releases.dataset(command.dataset_version)
        if dataset is None or dataset.frozen_at is None:
            raise Refused("DATASET_VERSION_REQUIRED", details={"dataset_version": command.dataset_version})
        given = {name: getattr(command, name) for name in DraftRelease.__dataclass_fields__}
        release = records.releases.add(Release(release_id=ids.new("rel"), **given))
        records.trail.audit("release.drafted", "release", release.release_id, changes={"version": release.version})
    return release
