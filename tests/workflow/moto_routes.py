"""Routes through the files of statemachines/: what each state's function returns, and how people answer.

When a state is added to a file, give RESULTS what its function has to return (by function, or by state where one
function has several) and ROUTES a way that reaches it; a test names the states that no route reaches.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from infra.local.asl_definition import function_of, scopes
from infra.local.asl_lint import FOLDER
from shared.domain.errors import BudgetStopped, ModelUnavailable, Permanent, Retryable
from tests.workflow.machine_stubs import Answer, Function, Script

INPUT = {
    "tenant_id": "ten_1",
    "job_id": "job_1",
    "run_id": "run_1",
    "resource_id": "res_1",
    "start_at": "plan",
    "limits": {"ranges": 1, "groups": 1},  # one at a time: the order of states is then the same on any engine
    "trace": "0" * 32,
}
Result = Any  # JSON, an exception to raise, or a Callable of (event, calls of this state before)


@dataclass(frozen=True, kw_only=True)
class Route:
    """What differs from RESULTS on this way, by state or function; other input; the answers to tokens in order."""

    results: Mapping[str, Result] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()


RESULTS: Mapping[str, Mapping[str, Result]] = {
    "ingest_document": {
        "claim_job": {"claimed": True},
        "inspect_file": {"is_archive": False},
        "unpack_archive": {"parse_run_id": None, "registered": 2},
        "route_pages": {"parse_run_id": "prs_1", "ranges": [0, 1, 2]},
        "index_chunks": {"more": False, "round": 1},
    },
    "evaluate_bid": {
        "claim_job": {"claimed": True},
        "plan_evaluation": {"groups": [0, 1]},
        "evaluate_criteria": {"more": False, "round": 1},
        "park_criteria": {"parked": 2, "reason": "MODEL_UNAVAILABLE"},
        "score_bid": {"needs_human_review": False, "wait_seconds": 60, "status": "approved"},
    },
    "roll_out_release": {
        "claim_job": {"claimed": True},
        "check_release_gate": {"admitted": True},
        "check_release_health": {"verdict": "close"},
        "roll_back_step": {"executed": True},
        "finish_rollback": {"passed": True},
    },
}


def more(rounds: int) -> Callable[[Any, int], Any]:
    """A function that is not done for some rounds; it reads the round it is told, so items of a Map do not mix."""

    def function(event: Any, _calls: int) -> Any:
        told = event["command"]["round"]
        return {"more": told < rounds, "round": told + 1}

    return function


def _back_after_the_wait(event: Any, _calls: int) -> Any:
    """A group whose model is out once: the wait of 30 s is the machine's only retry of it (W24)."""
    if event["scope"]["attempt"] == 0:
        raise ModelUnavailable()
    return {"more": False, "round": 1}


def _in_turn(*verdicts: str) -> Callable[[Any, int], Any]:
    """What the looks at a release find, one after the other."""
    return lambda _event, calls: {"verdict": verdicts[min(calls, len(verdicts) - 1)]}


_BREACHED = {"check_release_health": {"verdict": "roll_back"}}
_REPLAYED: Answer = ("succeed", {"passed": True})
_ASKED = {"ScoreBid": {"needs_human_review": True, "wait_seconds": 60, "status": "evaluating"}}
_IN_A_SECOND = {"ScoreBid": {"needs_human_review": True, "wait_seconds": 1, "status": "evaluating"}}
_ENTRY = {
    "plan": {"groups": [0, 1]},
    "score": {"wait_seconds": 60},
    "review": {"review_id": "rev_1", "decision": "approve"},
}
_ENTERED = {"claim_job": {"claimed": True, "entry": _ENTRY}}
_APPROVED: Answer = ("succeed", {"review_id": "rev_1", "decision": "approve"})
_REJECTED: Answer = ("succeed", {"review_id": "rev_1", "decision": "reject"})
ROUTES: Mapping[str, Mapping[str, Route]] = {
    "ingest_document": {
        "straight": Route(),
        "not ours": Route(results={"claim_job": {"claimed": False}}),
        "more twice": Route(results={"index_chunks": more(2)}),
        "an archive": Route(results={"inspect_file": {"is_archive": True}}),
        "no ranges": Route(results={"route_pages": {"parse_run_id": "prs_1", "ranges": []}}),
        "a step fails": Route(results={"InspectFile": Permanent("DOC_PARSE_ENCRYPTED", "locked")}),
    },
    "evaluate_bid": {
        "straight": Route(),
        "not ours": Route(results={"claim_job": {"claimed": False}}),
        "more twice": Route(results={"evaluate_criteria": more(2)}),
        "approved": Route(results=_ASKED, answers=(_APPROVED,)),
        "rejected": Route(results={**_ASKED, "ScoreBidReviewed": {"status": "rejected"}}, answers=(_REJECTED,)),
        "more twice after the review": Route(
            results={**_ASKED, "EvaluateCriteriaDecided": more(2)}, answers=(_APPROVED,)
        ),
        "refused by name": Route(results=_ASKED, answers=(("fail", ("Rejected", "no")),)),
        "reviewed without a new plan": Route(results=_ENTERED, input={"start_at": "review"}, answers=(_APPROVED,)),
        "a stored decision is applied": Route(results=_ENTERED, input={"start_at": "apply"}),
        "expired": Route(
            results={**_IN_A_SECOND, "expire_review": {"decision": "expired", "review_id": "rev_1"}},
            answers=(("silence", None),),
        ),
        "decided in the last moment": Route(
            results={**_IN_A_SECOND, "expire_review": {"decision": "reject", "review_id": "rev_1"}},
            answers=(("silence", None),),
        ),
        "the budget is used up": Route(results={"evaluate_criteria": BudgetStopped()}),
        "no model answers": Route(results={"evaluate_criteria": ModelUnavailable()}),
        "no model answers at first": Route(results={"evaluate_criteria": _back_after_the_wait}),
        "parking fails": Route(
            results={"evaluate_criteria": BudgetStopped(), "ParkCriteria": Permanent("DATA_CORRUPTED", "broken")}
        ),
        "a step fails": Route(results={"PlanEvaluation": Permanent("DATA_CORRUPTED", "broken")}),
    },
    "roll_out_release": {
        "straight": Route(),
        "not ours": Route(results={"claim_job": {"claimed": False}}),
        "more twice": Route(results={"check_release_health": _in_turn("shift", "wait", "close")}),
        "blocked": Route(results={"check_release_gate": {"admitted": False}}),
        "rolled back": Route(results=_BREACHED, answers=(_REPLAYED,)),
        "healthy after two steps": Route(
            results={**_BREACHED, "roll_back_step": lambda _event, calls: {"executed": calls < 2}}, answers=(_REPLAYED,)
        ),
        "a person rolls back": Route(input={"start_at": "roll_back"}, answers=(_REPLAYED,)),
        "the replay fails": Route(
            results={**_BREACHED, "finish_rollback": {"passed": False}}, answers=(("succeed", {"passed": False}),)
        ),
        "a step fails": Route(results={"ShiftReleaseTraffic": Permanent("DATA_CORRUPTED", "broken")}),
    },
}
FAULTS: Mapping[str, Callable[[Result], Result]] = {
    "fails once and then works": lambda result: (
        lambda event, calls: (
            play(result, event, calls) if calls else play(Retryable("DEPENDENCY_TIMEOUT", "later"), event, calls)
        )
    ),
    "fails retryably for ever": lambda _result: Retryable("DEPENDENCY_TIMEOUT", "later"),
    "fails for good": lambda _result: Permanent("DATA_CORRUPTED", "never"),
}


def play(result: Result, event: Any, calls: int) -> Any:
    """Return or raise what the table says."""
    if isinstance(result, Exception):
        raise result
    return result(event, calls) if callable(result) else result


@cache
def machine(name: str) -> Any:
    """The file of this name; a Wait is over at once, its length being no question of the way."""
    found = json.loads((FOLDER / f"{name}.asl.json").read_text(encoding="utf-8"))
    for scope in scopes(found):
        for state in scope["States"].values():
            if state["Type"] == "Wait":
                state["Seconds"] = 0
    return found


def names() -> list[str]:
    """The files of statemachines/."""
    return [path.name.removesuffix(".asl.json") for path in sorted(FOLDER.glob("*.asl.json"))]


def states(name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All states of a file with their names, those inside Maps too."""
    for scope in scopes(machine(name)):
        yield from scope["States"].items()


def tasks(name: str) -> list[str]:
    """The names of the file's Task states."""
    return [state for state, body in states(name) if body["Type"] == "Task"]


def script(name: str, route: Route, *, broken: str | None = None, fault: str | None = None) -> Script:
    """The file on this route, with one state broken in one way. Made anew for each run: its functions count calls."""
    known = {**RESULTS.get(name, {}), **route.results}
    counts: Counter[str] = Counter()

    def function(event: Any, _calls: int) -> Any:
        state = event["scope"]["state"]
        result = known.get(state, known.get(functions[state], {}))
        if state == broken and fault is not None:
            result = FAULTS[fault](result)
        counts[state] += 1
        return play(result, event, counts[state] - 1)

    functions = {state: function_of(body) for state, body in states(name) if body["Type"] == "Task"}
    stubs: dict[str, Function] = dict.fromkeys(functions.values(), function)
    return Script(machine=machine(name), input={**INPUT, **route.input}, functions=stubs, answers=route.answers)
