"""The order in which CodeDeploy moves an alias, on plain clients and an injected clock, for one test to read.

It proves that our hooks answer, that our alarms' names are found, and that the aliases of a template are moved and
taken back as its deployment groups say. It proves nothing about AWS: nothing outside of AWS runs CodeDeploy's canary,
and moto stores the weights of an alias without routing by them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.aws.functions import ALIAS

POLL_SECONDS = 30
Hook = Callable[[Mapping[str, Any], Any], Any]


class Clock:
    """`seconds` since the start; what stands in `at` happens when its second has come."""

    def __init__(self, at: Mapping[int, Callable[[], Any]] | None = None) -> None:
        self.seconds, self._at = 0, dict(at or {})

    def sleep(self, seconds: int) -> None:
        self.seconds += seconds
        for second in sorted(second for second in self._at if second <= self.seconds):
            self._at.pop(second)()

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Canary:
    """One deployment of one function: what its group and the policy of its alias say, from a template."""

    functions: Any
    alarms: Any
    group: Mapping[str, Any]
    hooks: Mapping[str, Hook]
    answers: dict[str, bool]
    clock: Clock
    log: list[str] = field(default_factory=list)

    def run(self, function: str, new: str) -> str:
        """Succeeded, Failed before any traffic moved, or Stopped and taken back; `log` has the steps in their order."""
        old = self.functions.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
        if self._breached():
            return self._end("Failed")
        if not self._passes("BeforeAllowTrafficHook"):
            return self._end("Failed")
        polls = self._minutes() * 60 // POLL_SECONDS
        if polls:
            self._point(function, old, {new: 0.1})
        for _ in range(polls):
            self.clock.sleep(POLL_SECONDS)
            if self._breached():
                self._point(function, old, {})
                return self._end("Stopped")
        self._point(function, new, {})
        if not self._passes("AfterAllowTrafficHook"):
            self._point(function, old, {})
            return self._end("Failed")
        return self._end("Succeeded")

    def _minutes(self) -> int:
        canary = re.search(r"Canary10Percent(\d+)Minutes$", self.group["DeploymentConfigName"])
        return int(canary[1]) if canary else 0

    def _breached(self) -> bool:
        names = [alarm["Name"] for alarm in self.group["AlarmConfiguration"]["Alarms"]]
        found = self.alarms.describe_alarms(AlarmNames=names)["MetricAlarms"]
        assert {alarm["AlarmName"] for alarm in found} == set(names), "CodeDeploy stops when it cannot read an alarm"
        bad = sorted(alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM")
        self.log.append(f"alarms {' '.join(bad) or 'green'}")
        return bool(bad)

    def _passes(self, event: str) -> bool:
        if event not in self.hooks:
            return True
        execution = f"{event}-1"
        self.hooks[event]({"DeploymentId": "d-TEST", "LifecycleEventHookExecutionId": execution}, self.clock)
        passed = self.answers.get(execution, False)  # silence is a failure, after an hour
        self.log.append(f"{event} {'passed' if passed else 'failed'}")
        return passed

    def _point(self, function: str, version: str, weights: dict[str, float]) -> None:
        self.functions.update_alias(
            FunctionName=function,
            Name=ALIAS,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
        beside = "".join(f" and {weight:.0%} to {other}" for other, weight in weights.items())
        self.log.append(f"traffic to {version}{beside}")

    def _end(self, status: str) -> str:
        self.log.append(status)
        return status
