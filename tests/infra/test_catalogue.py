"""The catalogue names every function and nothing else; the templates build what it says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.aws.catalogue import CATALOGUE
from infra.aws.queues import patterns
from infra.aws.workflows import FILES, snake, substitutions
from infra.local.events import QUEUES, routes
from shared.domain.events import PRODUCERS
from shared.domain.executions import LANES
from shared.domain.jobs import TASK_TYPES
from tests.infra.conftest import Templates

ROOT = Path(__file__).parents[2]


def test_catalogue_rows_equal_the_function_folders() -> None:
    assert set(CATALOGUE) == {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}


@pytest.mark.parametrize("name", FILES)
def test_every_state_has_a_function_of_the_catalogue_with_time_enough(name: str) -> None:
    assert {snake(state) for state in substitutions(FILES[name])} <= CATALOGUE.keys()


def test_the_rules_of_the_bus_send_every_event_where_the_local_bus_sends_it() -> None:
    def matches(wanted: dict, event: dict) -> bool:
        if event["event_type"] not in wanted["detail_type"]:
            return False
        for field, allowed in wanted.get("detail", {}).get("payload", {}).items():
            value = event["payload"].get(field)
            if not any(
                ({"exists": value is not None}.get("exists") == rule["exists"])
                if isinstance(rule, dict) and "exists" in rule
                else (value is not None and value not in rule["anything-but"])
                if isinstance(rule, dict)
                else value == rule
                for rule in allowed
            ):
                return False
        return True

    payloads = [{}, {"batch_id": "bat_1"}]
    payloads += [{"lane": lane, "job_type": job} for lane in LANES for job in (*sorted(TASK_TYPES), "evaluate_bid")]
    live = [queue for queue in QUEUES if not queue.endswith("-dead")]
    for kind in PRODUCERS:
        for payload in payloads:
            event = {"event_type": kind, "payload": payload}
            found = {queue for queue in live if any(matches(pattern, event) for pattern in patterns(queue))}
            assert found == set(routes(event)), event


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_stage_has_every_function_under_its_own_name(templates: Callable[[str], Templates], stage: str) -> None:
    functions = templates(stage).resources("AWS::Lambda::Function").values()
    assert {f["Properties"].get("FunctionName") for f in functions} >= {f"bidproof-{stage}-{n}" for n in CATALOGUE}
