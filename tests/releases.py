"""A release of the platform with its evidence, and the hands of those who move its machine and its alarms."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import LOGINS, OWNER, Databases, url_with
from shared.adapters.local_deployments import LocalDeployments
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.metrics import Figure
from shared.domain.releases import EVIDENCE, PLATFORM_TENANT, Release, ReleaseStep
from shared.usecases.draft_release import DraftRelease, draft_release
from shared.usecases.start_release import StartRelease, start_release
from tests.conftest import ROOT
from tests.records import clock, ids, make_records, pool

COMMIT, CHECKSUM = "c" * 40, "d" * 64
ALARM = "bidproof-errors"


def versions(number: int) -> dict[str, Any]:
    """Everything of one release, all with one number."""
    return {
        "model_configuration": f"m{number}",
        "retrieval_parameters": f"r{number}",
        "workflows": {"evaluate_bid": str(number), "ingest_document": str(number)},
        "functions": {"score_bid": str(number), "api": str(number)},
    }


@dataclass
class Evidence:
    """What was measured; change it before `keep`."""

    databases: Databases
    records: PostgresRecords
    measure_url: str
    dataset: str = ""
    age: timedelta = timedelta(hours=1)
    failed: dict[str, list[str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def keep(self, *baselines: str) -> dict[str, str]:
        """A frozen data set whose samples are stored evaluations, and a run per kind of evidence: kind -> id."""
        self.dataset = self.dataset or f"golden-v1.0.{ids.new('gat')[-6:]}"
        with psycopg.connect(self.measure_url) as connection:
            connection.execute(
                "insert into dataset_versions (dataset_version, checksum, frozen_at) values (%s, %s, now())",
                [self.dataset, CHECKSUM],
            )
            for number, baseline in enumerate(baselines):
                sample = json.dumps({"evaluation_id": baseline})
                connection.execute(
                    "insert into dataset_samples (dataset_version, sample_no, sample) values (%s, %s, %s)",
                    [self.dataset, number, sample],
                )
            kept = {kind: self._run(connection, kind) for kind in EVIDENCE if kind not in self.missing}
        return kept | {kind: ids.new("gat") for kind in self.missing}

    def _run(self, connection: psycopg.Connection[Any], kind: str) -> str:
        gate_run_id, failed = ids.new("gat"), self.failed.get(kind, [])
        connection.execute(
            """insert into gate_runs (gate_run_id, gate, dataset_version, dataset_checksum, commit_sha, machine,
                 configuration, estimators, planned_samples, samples, raw_key, raw_hash, metrics, passed, failed_codes,
                 created_at)
               values (%s, %s, %s, %s, %s, 'ci', '{}', '{labelled}', 30, 30, 'raw', 'hash', '{"recall": [0.9, 0.8, 1]}',
                 %s, %s, clock_timestamp() - %s)""",
            [gate_run_id, kind, self.dataset, CHECKSUM, COMMIT, not failed, failed, self.age],
        )
        return gate_run_id


def measure_url(databases: Databases) -> str:
    """The measuring login's URL."""
    password = ensure_secrets(ROOT, (OWNER, *LOGINS))["bidproof_measure"]
    return url_with(databases.app_url, user="bidproof_measure", password=password)


def evidence(databases: Databases) -> Evidence:
    """Evidence that admits a release."""
    return Evidence(databases, make_records(databases, PLATFORM_TENANT), measure_url(databases))


def a_release(made: Evidence, *baselines: str, number: int = 2) -> Release:
    """A draft from version `number` - 1 to `number`, with its evidence kept."""
    kept = made.keep(*baselines)
    command = DraftRelease(
        version=f"1.{ids.new('rel')[-8:]}",
        commit_sha=COMMIT,
        dataset_version=made.dataset,
        change_class="C2",
        candidate=versions(number),
        baseline=versions(number - 1),
        evidence=kept,
        alarms=[ALARM],
        approvers=["usr_one", "usr_two"],
    )
    return draft_release(command, records=made.records, ids=ids)


@dataclass
class Hands:
    """Moves alarms and times, as CloudWatch and the clock would."""

    databases: Databases

    def alarm(self, state: str) -> None:
        """The alarm of the release goes into this state now."""
        self.platform(
            """insert into local_platform.alarms (name, state) values (%s, %s)
               on conflict (name) do update set state = excluded.state, since = clock_timestamp()""",
            ALARM,
            state,
        )

    def minute(self) -> None:
        """The waits of the machine are over."""
        self.platform("update local_platform.frames set due_at = clock_timestamp() where phase = 'wait'")

    def hour(self) -> None:
        """What is clean has been clean for one hour longer."""
        with psycopg.connect(self.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", [PLATFORM_TENANT])
            connection.execute("update releases set clean_since = clean_since - interval '61 minutes'")

    def platform(self, query: str, *values: Any) -> None:
        """One statement on the local platform's tables."""
        with psycopg.connect(self.databases.platform_url, autocommit=True) as connection:
            connection.execute(query, values)


def rolled_back(steps: list[ReleaseStep]) -> list[str | None]:
    """The parts of the steps back, in their order."""
    return [step.part for step in steps if step.kind == "roll_back"]


@dataclass
class Counted:
    """Figures of a stage."""

    dead_letters: float = 0
    failed_share: float = 0

    def read(self) -> list[Figure]:
        """Both, and one that has labels."""
        return [
            Figure(metric="dead_letters_open", value=self.dead_letters),
            Figure(metric="run_failure_share", value=self.failed_share),
            Figure(metric="jobs_queued", value=1, labels={"lane": "bulk"}),
        ]


@dataclass
class Platform:
    """The platform's rows and the deployments of one machine, for use cases without their machine."""

    databases: Databases
    records: PostgresRecords = field(init=False)
    deployments: LocalDeployments = field(init=False)
    hands: Hands = field(init=False)

    def __post_init__(self) -> None:
        self.records = make_records(self.databases, PLATFORM_TENANT, kind="system")
        self.deployments = LocalDeployments(pool(self.databases.platform_url), self.records.releases.configurations)
        self.hands = Hands(self.databases)
        self.hands.alarm("ok")

    def draft(self, *baselines: str, **changes: Any) -> Release:
        """A draft with its evidence; `changes` are columns set behind the product's back, as the owner."""
        made = Evidence(self.databases, self.records, measure_url(self.databases))
        return self.set(a_release(made, *baselines), **changes)

    def set(self, release: Release, **changes: Any) -> Release:
        """Change columns as the owner."""
        if changes:
            columns = ", ".join(f"{name} = %s" for name in changes)
            self.as_owner(f"update releases set {columns} where release_id = %s", *changes.values(), release.release_id)
        return self.records.releases.get(release.release_id)

    def started(self, **changes: Any) -> Release:
        """A release whose job is claimed by its first run."""
        release = self.draft()
        made = start_release(StartRelease(release_id=release.release_id), records=self.records, ids=ids, clock=clock)
        self.records.moves.job(made.job, "running", claim_token=made.run_id, step="ClaimJob")
        return self.set(release, **changes)

    def job_status(self, release: Release) -> str:
        """Of the release's job."""
        return self.records.jobs.get(release.job_id or "").status

    def steps(self, release: Release) -> list[ReleaseStep]:
        """In their order."""
        return list(self.records.releases.steps(release.release_id))

    def as_owner(self, query: str, *values: Any) -> None:
        """One statement in the platform's tenant."""
        with psycopg.connect(self.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", [PLATFORM_TENANT])
            connection.execute(query, values)

    def clear(self) -> None:
        """Nothing is under way any more, and new work is open: other tests share this database."""
        self.as_owner("update releases set status = 'superseded'")
        self.as_owner("update release_replays set status = 'failed' where status = 'open'")
        self.as_owner("delete from live_configurations")
        self.as_owner("update work_switch set is_closed = false, reason = null")
