"""Releases, their steps and their evidence (spec D89, D90, W57-W65)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.release_replays import ReleaseReplays
from shared.adapters.postgres.session import Session
from shared.adapters.postgres.steering import LiveConfigurations, WorkSwitch
from shared.domain.errors import Refused
from shared.domain.releases import DatasetVersion, GateRun, Release, ReleaseStep

COLUMNS = ", ".join(f.name for f in fields(Release))
STEP_COLUMNS = ", ".join(f.name for f in fields(ReleaseStep))
RUN_COLUMNS = ", ".join(f.name for f in fields(GateRun))
CHANGED = "updated_at = clock_timestamp(), row_version = row_version + 1"


def _value(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, (dict, list)) else value


class Releases:
    """The Releases port."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.replays, self.configurations, self.switch = (
            ReleaseReplays(session),
            LiveConfigurations(session),
            WorkSwitch(session),
        )

    def add(self, release: Release) -> Release:
        """Insert a draft; raises Refused CODE_TAKEN for a version that is known."""
        saved = self._session.first(
            Release,
            f"""insert into releases (release_id, version, commit_sha, dataset_version, change_class, candidate,
                  baseline, evidence, alarms, tenant_allow_list, sizes, approvers, status)
                values (%(release_id)s, %(version)s, %(commit_sha)s, %(dataset_version)s, %(change_class)s,
                  %(candidate)s, %(baseline)s, %(evidence)s, %(alarms)s, %(tenants)s, %(sizes)s, %(approvers)s, 'draft')
                on conflict (version) do nothing returning {COLUMNS}""",
            release_id=release.release_id,
            version=release.version,
            commit_sha=release.commit_sha,
            dataset_version=release.dataset_version,
            change_class=release.change_class,
            candidate=Jsonb(release.candidate),
            baseline=Jsonb(release.baseline),
            evidence=Jsonb(release.evidence),
            alarms=release.alarms,
            tenants=release.tenant_allow_list,
            sizes=release.sizes,
            approvers=release.approvers,
        )
        if saved is None:
            raise Refused("CODE_TAKEN", details={"version": release.version})
        return saved

    def get(self, release_id: str, *, lock: bool = False) -> Release:
        """The release; raises Refused RELEASE_NOT_FOUND."""
        query = f"select {COLUMNS} from releases where release_id = %(id)s {'for update' if lock else ''}"
        found = self._session.first(Release, query, id=release_id)
        if found is None:
            raise Refused("RELEASE_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Release]:
        """Newest first, ids below `before`; filters by status."""
        return self._session.all(
            Release,
            f"""select {COLUMNS} from releases where (%(before)s::text is null or release_id < %(before)s)
                  and (%(status)s::text is null or status = %(status)s) order by release_id desc limit %(limit)s""",
            before=before,
            status=filters.get("status"),
            limit=limit,
        )

    def change(self, release: Release, **changes: Any) -> Release:
        """Change columns but the state; raises Refused VERSION_CONFLICT."""
        assignments = ", ".join(f"{name} = %({name})s" for name in changes)
        saved = self._session.first(
            Release,
            f"""update releases set {CHANGED}, {assignments}
                where release_id = %(key)s and row_version = %(old_version)s returning {COLUMNS}""",
            key=release.release_id,
            old_version=release.row_version,
            **{name: _value(value) for name, value in changes.items()},
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT", "the release changed since it was read")
        return saved

    def steps(self, release_id: str) -> Sequence[ReleaseStep]:
        """All steps in their order."""
        return self._session.all(
            ReleaseStep,
            f"select {STEP_COLUMNS} from release_steps where release_id = %(id)s order by step_no",
            id=release_id,
        )

    def begin_step(self, step: ReleaseStep) -> ReleaseStep:
        """Insert the next step, begun now; a step of a rollback that was begun before is returned as it is."""
        self._session.execute(
            """insert into release_steps (release_id, step_no, kind, part, rollback_no, weight)
               select %(id)s, coalesce(max(step_no), 0) + 1, %(step_kind)s, %(part)s, %(rollback_no)s, %(weight)s
               from release_steps where release_id = %(id)s on conflict do nothing""",
            id=step.release_id,
            step_kind=step.kind,
            part=step.part,
            rollback_no=step.rollback_no,
            weight=step.weight,
        )
        found = self._session.first(
            ReleaseStep,
            f"""select {STEP_COLUMNS} from release_steps where release_id = %(id)s and kind = %(step_kind)s
                  and part is not distinct from %(part)s and rollback_no = %(rollback_no)s
                order by step_no desc limit 1""",
            id=step.release_id,
            step_kind=step.kind,
            part=step.part,
            rollback_no=step.rollback_no,
        )
        assert found is not None
        return found

    def end_step(self, step: ReleaseStep, **changes: Any) -> ReleaseStep:
        """End the step now with what came of it."""
        assignments = "".join(f", {name} = %({name})s" for name in changes)
        saved = self._session.first(
            ReleaseStep,
            f"""update release_steps set {CHANGED}, ended_at = coalesce(ended_at, clock_timestamp()){assignments}
                where release_id = %(id)s and step_no = %(step_no)s returning {STEP_COLUMNS}""",
            id=step.release_id,
            step_no=step.step_no,
            **{name: _value(value) for name, value in changes.items()},
        )
        assert saved is not None
        return saved

    def gate_run(self, gate_run_id: str) -> GateRun | None:
        """A stored run of a measurement."""
        return self._session.first(
            GateRun, f"select {RUN_COLUMNS} from gate_runs where gate_run_id = %(id)s", id=gate_run_id
        )

    def dataset(self, dataset_version: str) -> tuple[DatasetVersion | None, Sequence[dict[str, Any]]]:
        """A version with its samples."""
        found = self._session.first(
            DatasetVersion,
            "select dataset_version, checksum, frozen_at from dataset_versions where dataset_version = %(id)s",
            id=dataset_version,
        )
        samples = self._session.rows(
            "select sample from dataset_samples where dataset_version = %(id)s order by sample_no", id=dataset_version
        )
        return found, [row["sample"] for row in samples]

    def now(self) -> datetime:
        """The time of the database, which decides (F31)."""
        found = self._session.row("select clock_timestamp() as now")
        assert found is not None
        now: datetime = found["now"]
        return now
