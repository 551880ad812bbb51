"""The release machine on the real local runner: out through 10, 30 and 100 %, or back in order with a replay (F33)."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Retryable
from shared.domain.releases import PLATFORM_TENANT, ROLLBACK_ORDER, rollback_times
from shared.usecases.request_rollback import RequestRollback, request_rollback
from shared.usecases.start_release import StartRelease, start_release
from tests.failures.release_drill import Drill, standing_drill
from tests.releases import Platform, evidence, rolled_back


@pytest.fixture(scope="module")
def drill(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with standing_drill(own_databases, tmp_path_factory.mktemp("product")) as standing:
        yield standing


@pytest.fixture(autouse=True)
def _a_fresh_platform(drill: Drill) -> None:
    """Whatever the test before left: nothing is under way, new work is open."""
    Platform(drill.product.databases).clear()


def test_f33_two_breaches_at_10_percent_roll_back_in_order_and_a_passed_replay_opens_work_again(drill: Drill) -> None:
    release = drill.begin()
    assert (release.status, release.weight, drill.live(release)["release_version"]) == ("canary", 10, 10)
    drill.hands.alarm("alarm")
    once = drill.look(release)
    assert (once.status, once.breaches, once.verdict) == ("canary", 1, "wait")
    assert drill.look(release).status == "rolling_back"
    with pytest.raises(Retryable) as refusal:
        drill.new_work()
    assert (refusal.value.code, refusal.value.entry.http) == ("SERVICE_READ_ONLY", 503)
    waiting = drill.look(release, times=4)
    assert (waiting.status, rolled_back(drill.records.releases.steps(release.release_id))) == (
        "replay_verifying",
        list(ROLLBACK_ORDER),
    )
    drill.replay()
    over = drill.again(release)
    assert (over.status, drill.job_status(over)) == ("rolled_back", "succeeded")
    assert set(drill.live(over).values()) == {0}
    drill.new_work()
    times = rollback_times(over)
    assert times["within_limits"] and 0 <= times["alarm_to_first_action_s"] <= times["alarm_to_verified_s"] < 1800
    steps = drill.records.releases.steps(release.release_id)
    back = [step for step in steps if step.kind == "roll_back"]
    assert all(step.verified and step.started_at <= step.ended_at for step in back)
    assert [step.started_at for step in back] == sorted(step.started_at for step in back)
    assert [step.verified for step in steps if step.kind == "replay"] == [True]


def test_f33_a_rollback_stops_as_soon_as_the_alarm_is_quiet(drill: Drill) -> None:
    release = drill.begin()
    drill.hands.alarm("alarm")
    drill.look(release, times=2)
    drill.hands.alarm("ok")
    waiting = drill.look(release)
    assert waiting.status == "replay_verifying"
    steps = drill.records.releases.steps(release.release_id)
    assert rolled_back(steps) == ["model_configuration"]
    assert [step.healthy for step in steps if step.kind == "roll_back"] == [True]
    assert set(drill.live(release).values()) == {0}, "no split is left behind"
    drill.replay()
    assert drill.again(release).status == "rolled_back"


def test_f33_a_failed_replay_keeps_new_work_closed_until_a_rollback_passes(drill: Drill) -> None:
    release = drill.begin()
    drill.hands.alarm("alarm")
    drill.look_until(release, "replay_verifying")
    [case] = drill.records.releases.replays.cases(drill.records.releases.replays.open_ones()[0])
    drill.steps.run()
    tamper(drill, case.evaluation_id)
    drill.replay()
    failed = drill.again(release)
    assert (failed.status, drill.job_status(failed)) == ("rollback_failed", "failed")
    assert drill.records.jobs.get(failed.job_id).error_code == "REPLAY_E2E_FAILED"
    with psycopg.connect(drill.product.databases.platform_url) as connection:
        ended = connection.execute(
            "select error from local_platform.executions where name = %s", [f"{failed.job_id}-1"]
        ).fetchall()
    assert ended == [("JobFailed",)], "RecordFailure is the last step, and it worked"
    assert drill.alerts(release) == [("rollback_failed", "P0")]
    with pytest.raises(Retryable):
        drill.new_work()
    drill.hands.alarm("ok")
    drill.product.run(request_rollback, RequestRollback(release_id=release.release_id, reason="once more"))
    drill.steps.run()
    drill.look(release)
    drill.replay()
    assert drill.again(release).status == "rolled_back"
    drill.new_work()


def test_f33_a_replay_that_does_not_end_in_time_has_failed_and_a_late_comparison_changes_nothing(drill: Drill) -> None:
    release = drill.begin()
    drill.hands.alarm("alarm")
    drill.look_until(release, "replay_verifying")
    assert drill.compare() == 0, "its evaluation has not even begun"
    drill.no_comparison_in_time()
    drill.steps.run()
    assert drill.again(release).status == "rollback_failed"
    assert drill.compare() == 0
    assert drill.again(release).status == "rollback_failed" and drill.records.releases.switch.reason()


def test_f33_a_step_that_fails_for_good_leaves_a_release_that_can_be_started_or_rolled_back(drill: Drill) -> None:
    drill.steps.fails["check_release_gate"] = Permanent("DATA_CORRUPTED")
    blocked = drill.begin()
    assert (blocked.status, drill.job_status(blocked), drill.alerts(blocked)) == ("release_blocked", "failed", [])
    drill.steps.fails.clear()
    drill.product.run(start_release, StartRelease(release_id=blocked.release_id))
    drill.steps.run()
    assert drill.again(blocked).status == "canary"
    drill.steps.fails["check_release_health"] = Permanent("DATA_CORRUPTED")
    stuck = drill.look(blocked)
    assert (stuck.status, drill.job_status(stuck), drill.alerts(stuck)) == (
        "canary",
        "failed",
        [("release_failed", "P0")],
    )
    drill.steps.fails = {"replay_release": Permanent("DATA_CORRUPTED")}
    drill.product.run(request_rollback, RequestRollback(release_id=stuck.release_id, reason="the machine died"))
    drill.steps.run()
    failed = drill.look(stuck)
    drill.steps.fails.clear()
    assert (failed.status, drill.job_status(failed)) == ("rolling_back", "failed")
    assert drill.records.releases.switch.reason() and drill.live(failed)["model_configuration"] == 0
    drill.product.run(request_rollback, RequestRollback(release_id=stuck.release_id, reason="go on"))
    drill.steps.run()
    drill.look(stuck)
    drill.replay()
    over = drill.again(stuck)
    assert (over.status, over.rollback_no, drill.records.releases.switch.reason()) == ("rolled_back", 1, None)


def tamper(drill: Drill, evaluation_id: str) -> None:
    """The restored version says something else than the baseline."""
    with_owner(drill, "alter table verdicts disable trigger user")
    with_owner(drill, "update verdicts set outcome = 'partial' where evaluation_id = %s", evaluation_id)
    with_owner(drill, "alter table verdicts enable trigger user")


def with_owner(drill: Drill, query: str, *values: Any) -> None:
    with psycopg.connect(drill.product.databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", [PLATFORM_TENANT])
        connection.execute(query, values)


def test_f33_a_gate_without_evidence_blocks_and_no_traffic_moves(drill: Drill) -> None:
    made = evidence(drill.product.databases)
    made.missing, made.failed = ("rollback_drill",), {"quality": ["FAITHFULNESS_LOW"]}
    release = drill.begin(made)
    assert (release.status, release.weight, drill.job_status(release)) == ("release_blocked", 0, "succeeded")
    assert {each["check"]: each["reasons"] for each in release.failed_checks} == {
        "QUALITY_GATE_FAILED": ["FAITHFULNESS_LOW"],
        "ROLLBACK_DRILL_GATE_FAILED": ["EVIDENCE_MISSING"],
    }
    assert drill.records.releases.steps(release.release_id) == []


def test_a_clean_release_goes_through_10_30_and_100_percent_and_is_closed(drill: Drill) -> None:
    release = drill.begin()
    seen = []
    for _ in range(3):
        release = drill.look(release)
        seen.append((release.weight, release.status, drill.live(release)["workflow_version"]))
        drill.hands.hour()
        release = drill.look(release)
    assert seen == [(10, "canary", 10), (30, "canary", 30), (100, "baking", 100)]
    assert (release.status, drill.job_status(release)) == ("closed", "succeeded")
    snapshot, _ = drill.records.evaluations.snapshot(drill.evaluate_again())
    pinned = snapshot["versions"]
    assert (pinned["model_configuration"], pinned["retrieval_parameters"]) == ("m2", "r2")
    steps = drill.records.releases.steps(release.release_id)
    assert [(step.kind, step.weight, step.verified) for step in steps] == [
        ("shift", weight, True) for weight in (10, 30, 100)
    ]


def test_a_person_starts_the_rollback_of_a_release_that_is_closed_or_under_way(drill: Drill) -> None:
    release = drill.begin()
    drill.product.run(request_rollback, RequestRollback(release_id=release.release_id, reason="it feels slow"))
    drill.look(release)
    assert drill.again(release).status == "rolling_back"
    drill.look(release)
    drill.replay()
    assert (drill.again(release).status, drill.again(release).rollback_by) == ("rolled_back", "usr_agent")
