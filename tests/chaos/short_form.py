"""The short form of `make chaos`: a fixed seed, few evaluations, every target killed."""

from pathlib import Path

from tests.chaos.checks import check_all
from tests.chaos.storm import TARGETS, storm_over

SEED = 10


def test_evaluations_under_kill_9_of_worker_api_and_database_all_finish_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    with storm_over(tmp_path / "data", SEED) as storm:
        storm.rage(6, 6, longest=2.5)
        assert storm.kills.keys() == set(TARGETS)
        assert storm.kills.total() == 6
        found = check_all(storm)
    assert {name: lines for name, lines in found.items() if lines} == {}
