"""The short form of `make chaos`: a fixed seed, few evaluations, every kind of kill once."""

from pathlib import Path

from tests.chaos.checks import check_all, no_process_is_left
from tests.chaos.kills import FORCED, TARGETS, kinds_of
from tests.chaos.storm import storm_over

SEED = 10
COUNT = len(TARGETS) + len(FORCED)


def test_evaluations_under_kill_9_of_worker_api_and_database_all_finish_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    with storm_over(tmp_path / "data", SEED) as storm:
        storm.rage(COUNT, kinds_of(COUNT, storm.chance), longest=1.5)
        found = check_all(storm)
    found["no_process_is_left"] = no_process_is_left(storm)
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert storm.kills.done == dict.fromkeys([*TARGETS, *FORCED], 1)
    assert storm.people.seen["submit replayed"] >= 1
