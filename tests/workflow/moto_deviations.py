"""Where moto's interpreter is known to differ from what AWS documents; everything not listed must be equal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """The fields that differ for a case, ours and moto's, and what AWS documents."""

    documented: str
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]


def _caught(error: str, cause: str) -> dict[str, Any]:
    return {"output": {"x": 5, "failure": {"Error": error, "Cause": cause}}}


WORDS = "<the engine's words>"
_SILENT = (
    "Error names: a Task that sends no heartbeat for HeartbeatSeconds fails with States.HeartbeatTimeout "
    "(moto says States.Timeout, as for the whole time)"
)
DEVIATIONS: Mapping[str, Deviation] = {
    "a list in a list": Deviation(
        documented="Reference paths name exactly one node, so a template gets the node (moto gives a list of one)",
        ours={"output": {"q": True}},
        theirs={"output": {"q": [True]}},
    ),
    "a missing parameter": Deviation(
        documented="Error names: a path of Parameters that leads nowhere is States.ParameterPathFailure",
        ours=_caught("States.ParameterPathFailure", WORDS),
        theirs=_caught("Exception", "The JSONPath '$.nowhere' could not be found in the input '{\"x\": 5}'"),
    ),
    "a missing part of a result": Deviation(
        documented="Error names: a path of a payload template that leads nowhere is States.ParameterPathFailure",
        ours=_caught("States.ParameterPathFailure", WORDS),
        theirs=_caught("Exception", "The JSONPath '$.b' could not be found in the input '{}'"),
    ),
    "a result without a place": Deviation(
        documented="Error names: a ResultPath that cannot be applied is States.ResultPathMatchFailure",
        ours=_caught("States.ResultPathMatchFailure", WORDS),
        theirs=_caught("Exception", "argument of type 'int' is not iterable"),
    ),
    "texts like x\\*z": Deviation(
        documented="StringMatches: a backslash before * makes it an ordinary star (moto has no escapes)",
        ours={"output": "Y", "entered": ["C", "Y"]},
        theirs={"output": "N", "entered": ["C", "N"]},
    ),
    "a time in another zone": Deviation(
        documented="Timestamps are RFC 3339 and compared as times (moto knows only those that end in Z)",
        ours={"output": "Y", "entered": ["C", "Y"]},
        theirs={"output": "N", "entered": ["C", "N"]},
    ),
    "no rule holds": Deviation(
        documented="Error names: a Choice without a match and Default fails with States.NoChoiceMatched",
        ours={"error": "States.NoChoiceMatched"},
        theirs={"error": "States.Runtime"},
    ),
    "a missing variable": Deviation(
        documented="Choice: a Variable that is not in the input fails the execution with States.Runtime; "
        "IsPresent is there to ask first (moto takes the rule as not holding)",
        ours={"status": "FAILED", "error": "States.Runtime", "cause": WORDS, "output": None, "entered": ["C"]},
        theirs={"status": "SUCCEEDED", "error": None, "cause": None, "output": "N", "entered": ["C", "N"]},
    ),
    "items that are no list": Deviation(
        documented="Error names: States.Runtime is never caught by States.ALL, nor does JSONPath know another "
        "name for items that are no list (moto catches States.QueryEvaluationError)",
        ours={"status": "FAILED", "error": "States.Runtime", "cause": WORDS, "output": None, "entered": ["M"]},
        theirs={
            "status": "SUCCEEDED",
            "error": None,
            "cause": None,
            "output": {"l": 3, "failure": {"Error": "States.QueryEvaluationError", "Cause": WORDS}},
            "entered": ["M", "H"],
        },
    ),
    "the execution's own time is over": Deviation(
        documented="Error names: an execution past its TimeoutSeconds ends with States.Timeout (moto names no error)",
        ours={"error": "States.Timeout", "cause": WORDS},
        theirs={"error": None, "cause": None},
    ),
    "no beat": Deviation(
        documented=_SILENT,
        ours={"error": "States.HeartbeatTimeout"},
        theirs={"error": "States.Timeout"},
    ),
    "no beat, caught": Deviation(
        documented=_SILENT,
        ours={"output": {"failure": {"Error": "States.HeartbeatTimeout", "Cause": WORDS}}},
        theirs={"output": {"failure": {"Error": "States.Timeout", "Cause": WORDS}}},
    ),
}
