"""A cancel in every state of a release: nothing is written after its commit, and no half shift stays untold (W109)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_workflows import MACHINES
from shared.adapters.postgres.outbox import envelope
from shared.adapters.postgres.session import Session
from shared.domain.errors import Permanent, Refused
from shared.domain.jobs import Job
from shared.domain.releases import PLATFORM_TENANT, Release
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.request_rollback import RequestRollback, request_rollback
from shared.usecases.start_release import StartRelease, start_release
from shared.usecases.stop_execution import StopExecution, stop_execution
from tests.failures.release_drill import Drill, standing_drill
from tests.failures.stepping import Watch
from tests.failures.tenant_rows import changes, everything, of_releases
from tests.releases import Evidence, Platform, evidence

Story = Callable[[Drill], tuple[Release, Callable[[], object]]]  # brings a release to a point; what it does next


@pytest.fixture(scope="module")
def drill(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with standing_drill(own_databases, tmp_path_factory.mktemp("product")) as standing:
        yield standing


def beginning(drill: Drill, made: Evidence | None = None) -> tuple[Release, Callable[[], object]]:
    """A release that is asked for."""
    release = drill.ask(made)
    return release, drill.steps.run


def without_evidence(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A release that the gate will block."""
    made = evidence(drill.product.databases)
    made.missing = ("security",)
    return beginning(drill, made)


def at_10(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A release that has 10 % and is looked at next."""
    release = drill.begin()
    return release, lambda: drill.look(release)


def clean_at(weight: int) -> Story:
    """A release that has been clean for long enough at this weight."""

    def story(drill: Drill) -> tuple[Release, Callable[[], object]]:
        release = drill.look(drill.begin())
        drill.hands.hour()
        while release.weight < weight:
            release = drill.look(release, times=2)
            drill.hands.hour()
        return release, partial(drill.look, release)

    return story


def breached(looks: int) -> Story:
    """A release whose alarm rings, after so many looks more."""

    def story(drill: Drill) -> tuple[Release, Callable[[], object]]:
        release = drill.begin()
        drill.hands.alarm("alarm")
        drill.look(release, times=looks)
        return release, lambda: drill.look(release)

    return story


def replayed(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A release that went back, and whose replay is compared."""
    release, _ = breached(6)(drill)
    drill.steps.run()
    drill.compare()
    return release, drill.steps.run


def uncompared(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A release that went back, and whose replay nobody compares in time."""
    release, _ = breached(6)(drill)
    drill.steps.run()
    drill.no_comparison_in_time()
    return release, drill.steps.run


def closed_and_asked_back(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A closed release whose rollback is asked for."""
    release, goes_on = clean_at(100)(drill)
    goes_on()
    drill.product.run(request_rollback, RequestRollback(release_id=release.release_id, reason="put it back"))
    return release, drill.steps.run


def failing(drill: Drill) -> tuple[Release, Callable[[], object]]:
    """A release whose look at the alarms fails for good."""
    found = at_10(drill)
    drill.steps.fails["check_release_health"] = Permanent("DATA_CORRUPTED")
    return found


AT_WORK: list[tuple[str, Story]] = [
    ("ClaimJob", beginning),
    ("ClaimJob", closed_and_asked_back),
    ("CheckReleaseGate", beginning),
    ("BlockRelease", without_evidence),
    ("ShiftReleaseTraffic", beginning),
    ("ShiftReleaseTraffic", clean_at(10)),
    ("ShiftReleaseTraffic", clean_at(30)),
    ("CheckReleaseHealth", at_10),
    ("CloseRelease", clean_at(100)),
    ("RollBackStep", breached(1)),
    ("RollBackStep", breached(3)),
    ("ReplayRelease", breached(5)),
    ("FinishRollback", replayed),
    ("RecordFailure", failing),
    ("RecordFailure", uncompared),
]
# the machine stands here when it is canceled, and no step is at work
AT_REST: list[tuple[str, Story]] = [
    ("ObserveRelease", at_10),
    ("ObserveRollbackStep", breached(2)),
    ("ReplayRelease", breached(6)),
]
# what becomes of a release that is canceled in a state
ENDS = {
    "draft": "draft",
    "gating": "release_blocked",
    "replay_verifying": "rollback_failed",
    **{status: status for status in ("release_ready", "canary", "baking", "closed", "rolling_back", "rollback_failed")},
}


@dataclass
class Canceled:
    """A release and its job after a cancel, how the release stood before, and what changed after the commit."""

    release: Release
    job: Job
    stood: str
    changed: dict[str, list[str]]


def rows(drill: Drill) -> dict[str, list[str]]:
    return everything(drill.product.databases, PLATFORM_TENANT) | of_releases(drill.product.databases)


def afresh(drill: Drill) -> None:
    """Nothing is under way, no alias names a candidate."""
    platform = Platform(drill.product.databases)
    platform.clear()
    platform.as_owner("update jobs set status = 'canceled' where status not in ('succeeded', 'failed')")
    drill.hands.platform("update local_platform.executions set status = 'ABORTED' where status = 'RUNNING'")
    drill.hands.platform("delete from local_platform.aliases")
    drill.steps.fails.clear()
    drill.steps.watch = Watch()


def begins_of(drill: Drill, story: Story, state: str) -> int:
    """How many transactions the state's first try begins in the story."""
    watch = Watch()
    gone_through(drill, story, watch)
    assert state in watch.entered, f"the story does not go through {state}"
    return watch.begins[state]


def gone_through(drill: Drill, story: Story, watch: Watch) -> Release:
    afresh(drill)
    release, goes_on = story(drill)
    drill.steps.watch = watch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_begin", lambda session, connection: watch.begin(session, connection))
        goes_on()
    return drill.again(release)


def canceled(drill: Drill, story: Story, state: str = "", at: int = -1) -> Canceled | None:
    """The story with a cancel before the transaction `at` of the state's first try, or at its beginning; then all that
    may still wake the release does. None when its job had ended first."""
    stood: list[str] = []
    after: list[dict[str, list[str]]] = []

    def cancel() -> None:
        [release] = drill.records.releases.list(filters={}, before=None, limit=1)
        try:
            drill.product.run(cancel_job, CancelJob(job_id=release.job_id, reason="withdrawn"))
        except Refused as refused:
            assert refused.code == "JOB_CANCEL_CONFLICT"
        else:
            stood.append(release.status)
            after.append(rows(drill))

    if state:
        release = gone_through(drill, story, Watch(state, at, cancel))
    else:
        afresh(drill)
        release, _ = story(drill)
        cancel()
    if not after:
        return None
    wake(drill, release)
    release = drill.again(release)
    return Canceled(release, drill.records.jobs.get(release.job_id), stood[0], changes(after[0], rows(drill)))


def wake(drill: Drill, release: Release) -> None:
    """The minute, the comparison, work that is due, and the consumer that stops the execution."""
    drill.look(release)
    drill.compare()
    row = drill.records.session.row(
        "select * from outbox_events where event_type = 'job.canceled' and job_id = %(id)s", id=release.job_id
    )
    assert row is not None
    drill.product.run(stop_execution, StopExecution(event=envelope(row)), kind="system")
    drill.look(release)


def check(drill: Drill, found: Canceled) -> None:
    release, job = found.release, found.job
    assert found.changed == {}
    assert (job.status, job.error_code, job.dlq_id) == ("canceled", "JOB_CANCELED", None)
    assert drill.records.jobs.newest_run(job.job_id).status == "stopped"
    assert release.status == ENDS[found.stood]
    told = [("rollback_failed" if found.stood == "rollback_failed" else "release_failed", "P0")]
    if found.stood in ("draft", "gating", "closed"):
        told.clear()
    assert drill.alerts(release) == told
    is_whole = set(drill.live(release).values()) in ({0}, {100})
    assert is_whole or told, "half shifted, and nobody was told"
    is_going_back = found.stood in ("rolling_back", "replay_verifying", "rollback_failed")
    assert bool(drill.records.releases.switch.reason()) == is_going_back, "new work is closed"


def test_every_state_in_which_a_release_can_be_canceled_has_its_story() -> None:
    states = json.loads((MACHINES / "roll_out_release.asl.json").read_text(encoding="utf-8"))["States"]
    inside = [state["ItemProcessor"]["States"] for state in states.values() if state["Type"] == "Map"]
    kinds = {name: state["Type"] for each in (states, *inside) for name, state in each.items()}
    assert {name for name, kind in kinds.items() if kind == "Task"} == {name for name, _ in AT_WORK}
    assert {name for name, kind in kinds.items() if kind == "Wait"} < {name for name, _ in AT_REST}


@pytest.mark.parametrize(("state", "story"), AT_WORK)
def test_w109_a_cancel_while_a_step_of_a_release_works_leaves_it_whole_or_tells_people(
    drill: Drill, state: str, story: Story
) -> None:
    begins, was_canceled = begins_of(drill, story, state), False
    for at in sorted({0, begins // 2, begins - 2, begins - 1, begins}):  # what a step does stands at its end
        found = canceled(drill, story, state, at)
        if found is not None:
            check(drill, found)
            was_canceled = True
    assert was_canceled, "each time the step had ended the job before"


@pytest.mark.parametrize(("state", "story"), AT_REST)
def test_w109_a_cancel_while_a_release_waits_changes_nothing_more_and_a_rollback_ends_it(
    drill: Drill, state: str, story: Story
) -> None:
    found = canceled(drill, story)
    assert found is not None
    check(drill, found)
    release = found.release
    drill.hands.alarm("ok")
    drill.product.run(request_rollback, RequestRollback(release_id=release.release_id, reason="put it back"))
    drill.steps.run()
    drill.look(release)
    drill.replay()
    assert drill.again(release).status == "rolled_back"
    assert set(drill.live(release).values()) == {0}
    drill.new_work()


@pytest.mark.parametrize(
    ("state", "from_end", "stands", "live"),
    [
        ("ClaimJob", 0, "release_blocked", 0),
        ("CheckReleaseGate", 0, "release_ready", 0),
        ("ShiftReleaseTraffic", 1, "release_ready", 10),  # the aliases have moved, the row will never say so
    ],
)
def test_a_release_canceled_before_its_first_shift_is_known_can_be_started_again(
    drill: Drill, state: str, from_end: int, stands: str, live: int
) -> None:
    found = canceled(drill, beginning, state, begins_of(drill, beginning, state) - from_end)
    assert found is not None
    release = found.release
    assert (release.status, release.weight, set(drill.live(release).values())) == (stands, 0, {live})
    drill.product.run(start_release, StartRelease(release_id=release.release_id))
    drill.steps.run()
    again = drill.again(release)
    assert (again.status, again.weight, set(drill.live(again).values())) == ("canary", 10, {10})
