"""CompareReplays: the row first, then the machine; what is late or empty has failed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.replays import Replay, compare, has_passed
from shared.usecases.compare_replays import CompareReplays, compare_replays
from tests.evaluation_seed import vault
from tests.releases import Platform


class Woken:
    """Keeps what tokens were answered with."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, Any]] = []

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Keep it."""
        self.answers.append((token, dict(output)))
        return True

    def start(self, machine: str, *, name: str, input: Mapping[str, Any]) -> str:
        """Nobody asks."""
        raise AssertionError(machine)

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Nobody asks."""
        raise AssertionError(error)

    def heartbeat(self, token: str) -> bool:
        """Nobody asks."""
        raise AssertionError(token)

    def stop(self, execution_ref: str, *, cause: str) -> None:
        """Nobody asks."""
        raise AssertionError(cause)

    def describe(self, execution_ref: str) -> Execution | None:
        """Nobody asks."""
        raise AssertionError(datetime.min)


def test_a_replay_without_a_case_proves_nothing_and_the_machine_is_told_once(platform: Platform) -> None:
    release = platform.draft(status="replay_verifying", rollback_no=1)
    token = vault.encrypt("token", context={"release_id": release.release_id, "rollback_no": "1"})
    made = Replay(release_id=release.release_id, rollback_no=1, run_id="run_1", token_ciphertext=token, status="open")
    platform.records.releases.replays.open(made, seconds=60)
    woken = Woken()
    for _ in range(2):
        compare_replays(
            CompareReplays(),
            records_of=lambda _: platform.records,
            workflows=woken,
            vault=vault,
            cancel_item=lambda *_: None,
        )
    stored = platform.records.releases.replays.get(release.release_id, 1)
    assert stored is not None and stored.status == "failed"
    assert woken.answers == [("token", {"passed": False})]


@pytest.mark.parametrize(
    ("changed", "citations", "missing", "passed"),
    [([], 100, 0, True), ([], 100, 1, True), ([], 100, 2, False), (["crt_1"], 100, 0, False)],
)
def test_no_verdict_may_change_and_one_citation_in_a_hundred_may_be_missing(
    changed: list[str], citations: int, missing: int, passed: bool
) -> None:
    difference = {"criteria": 3, "changed": changed, "citations": citations, "citations_missing": missing}
    assert has_passed([difference]) == passed


def test_nothing_compared_with_nothing_has_not_passed() -> None:
    assert not has_passed([]) and not has_passed([compare({}, {})])
