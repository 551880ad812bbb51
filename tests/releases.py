"""A release of the platform with its evidence, and the hands of those who move its machine and its alarms."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import LOGINS, OWNER, Databases, url_with
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.releases import EVIDENCE, PLATFORM_TENANT, Release, ReleaseStep
from shared.usecases.draft_release import DraftRelease, draft_release
from tests.conftest import ROOT
from tests.records import ids, make_records

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
