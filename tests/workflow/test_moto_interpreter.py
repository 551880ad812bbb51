"""Our runner and moto's independent interpreter make the same of the same definitions, functions and answers."""

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.workflow.conftest import Shop
from tests.workflow.machine_stubs import Outcome, Script
from tests.workflow.moto_cases import CASES
from tests.workflow.moto_deviations import DEVIATIONS
from tests.workflow.moto_interpreter import MotoInterpreter
from tests.workflow.moto_routes import FAULTS, ROUTES, names, script, states, tasks
from tests.workflow.our_interpreter import OurInterpreter

WAYS = [(name, way) for name in names() for way in ROUTES.get(name, {})]
BROKEN = [(name, state, fault) for name in names() for state in tasks(name) for fault in FAULTS]


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoInterpreter]:
    """moto's interpreter; its parser's results are kept for the whole module."""
    with pytest.MonkeyPatch.context() as patch:
        yield MotoInterpreter(patch)


@pytest.fixture(scope="module")
def entered(moto: MotoInterpreter) -> dict[tuple[str, str], list[str]]:
    """Which states each route enters, by moto."""
    return {(name, way): moto.run(script(name, ROUTES[name][way])).entered for name, way in WAYS}


@pytest.fixture
def ours(idle_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OurInterpreter:
    """Our runner on empty tables."""
    return OurInterpreter(idle_shop, monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_a_small_machine_ends_the_same_on_both(name: str, moto: MotoInterpreter, ours: OurInterpreter) -> None:
    found = differences(*both(ours, moto, lambda: CASES[name]))
    known = DEVIATIONS.get(name)
    assert {field: pair[0] for field, pair in found.items()} == (known.ours if known else {})
    assert {field: pair[1] for field, pair in found.items()} == (known.theirs if known else {})


def test_every_deviation_names_a_case() -> None:
    assert set(DEVIATIONS) <= set(CASES)


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_our_files_go_the_same_way_on_both(name: str, way: str, moto: MotoInterpreter, ours: OurInterpreter) -> None:
    route = ROUTES[name][way]
    assert differences(*both(ours, moto, lambda: script(name, route))) == {}


@pytest.mark.parametrize("name", names())
def test_items_at_once_end_the_same_on_both(name: str, moto: MotoInterpreter, ours: OurInterpreter) -> None:
    """The order of states is then the engine's own; what is entered, called and given out is not."""
    route = dataclasses.replace(ROUTES[name]["more twice"], input={"limits": {"ranges": 3, "groups": 3}})
    our, their = (
        dataclasses.replace(found, entered=sorted(found.entered), calls=sorted(found.calls, key=str))
        for found in both(ours, moto, lambda: script(name, route))
    )
    assert differences(our, their) == {}


@pytest.mark.parametrize("name", names())
def test_the_routes_reach_every_state_of_our_files(name: str, entered: dict[tuple[str, str], list[str]]) -> None:
    reached = {state for (machine, _), found in entered.items() for state in found if machine == name}
    assert {state for state, _ in states(name)} - reached == set(), "tests/workflow/moto_routes.py: ROUTES"


@pytest.mark.parametrize(("name", "state", "fault"), BROKEN)
def test_a_step_of_our_files_breaks_the_same_way_on_both(
    name: str,
    state: str,
    fault: str,
    moto: MotoInterpreter,
    ours: OurInterpreter,
    entered: dict[tuple[str, str], list[str]],
) -> None:
    ways = [way for (machine, way), found in entered.items() if machine == name and state in found]
    assert ways, f"no route reaches {state}: tests/workflow/moto_routes.py"
    route = ROUTES[name][ways[0]]
    our, their = both(ours, moto, lambda: script(name, route, broken=state, fault=fault))
    assert differences(our, their) == {}
    assert bool(our.delays) == (fault != "fails for good")


def both(ours: OurInterpreter, moto: MotoInterpreter, made: Callable[[], Script]) -> tuple[Outcome, Outcome]:
    """Run the script on both, beside each other: most of the time is waiting."""
    with ThreadPoolExecutor(1) as pool:
        their = pool.submit(moto.run, made())
        return ours.run(made()), their.result()


def differences(our: Outcome, their: Outcome) -> dict[str, tuple[Any, Any]]:
    """What differs, by name: (ours, moto's)."""
    pairs = {
        field.name: (getattr(our, field.name), getattr(their, field.name)) for field in dataclasses.fields(Outcome)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
