"""Versions on AWS: weights of Lambda and Step Functions aliases, alarms of CloudWatch (the Deployments port, O40)."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.aws_calls import ask
from shared.domain.errors import Permanent
from shared.domain.releases import CONFIGURATION, RELEASE, WORKFLOW, Alarm, Versions, split, weight_of
from shared.ports.release_records import LiveConfigurations

ALIAS = "live"  # of every function and state machine (infra/aws)
_STATES = {"OK": "ok", "ALARM": "alarm", "INSUFFICIENT_DATA": "unknown"}
_NAMES = 100  # alarms that one call may name (CloudWatch API reference, DescribeAlarms)

Held = tuple[str, str | None, int]  # version in charge, version beside it, percentage of that one


class AwsDeployments:
    """Functions are named `<prefix><function>`, `aliases` is machine -> ARN of its alias; versions are their numbers.

    Configuration is rows, on AWS too: `configurations`. Clients come from aws_calls.aws_client. Raises Permanent
    INTERNAL_ERROR for a function, machine or version that AWS does not know, Retryable when it does not answer."""

    def __init__(
        self,
        *,
        functions: Any,
        machines: Any,
        watch: Any,
        prefix: str,
        aliases: Mapping[str, str],
        configurations: LiveConfigurations,
    ) -> None:
        self._functions, self._machines, self._watch = functions, machines, watch
        self._prefix, self._aliases, self._configurations = prefix, aliases, configurations

    def weights(self, candidate: Versions) -> dict[str, int]:
        """Part -> the smallest percentage of new work that its aliases give the candidate now."""
        found = {
            part: weight_of(self._configurations.read(part), candidate.configuration(part)) for part in CONFIGURATION
        }
        machines = [weight_of(self._machine(name), version) for name, version in candidate.workflows.items()]
        functions = [weight_of(self._function(name), version) for name, version in candidate.functions.items()]
        return {**found, WORKFLOW: min(machines, default=0), RELEASE: min(functions, default=0)}

    def shift(self, baseline: Versions, candidate: Versions, *, weight: int) -> None:
        """Give the candidate this percentage of new work in all parts, the baseline the rest.

        Functions come before the machines whose versions name their versions; what runs ends on what it began with."""
        for part in CONFIGURATION:
            self._configurations.write(
                part, *split(baseline.configuration(part), candidate.configuration(part), weight)
            )
        for name, version in candidate.functions.items():
            self._point_function(name, split(baseline.functions[name], version, weight))
        for name, version in candidate.workflows.items():
            self._point_machine(name, split(baseline.workflows[name], version, weight))

    def restore(self, part: str, baseline: Versions) -> None:
        """All new work of this part goes to the baseline."""
        if part in CONFIGURATION:
            self._configurations.write(part, baseline.configuration(part), None, 0)
        elif part == WORKFLOW:
            for name, version in baseline.workflows.items():
                self._point_machine(name, (version, None, 0))
        else:
            for name, version in baseline.functions.items():
                self._point_function(name, (version, None, 0))

    def is_restored(self, part: str, baseline: Versions) -> bool:
        """Whether AWS, or the row, now says so."""
        if part in CONFIGURATION:
            return self._configurations.read(part) == (baseline.configuration(part), None, 0)
        if part == WORKFLOW:
            return all(self._machine(name) == (version, None, 0) for name, version in baseline.workflows.items())
        return all(self._function(name) == (version, None, 0) for name, version in baseline.functions.items())

    def alarms(self, names: Sequence[str]) -> list[Alarm]:
        """How these alarms stand, metric and composite ones, and since when."""
        found: list[Alarm] = []
        for start in range(0, len(names), _NAMES):
            answer = ask(
                self._watch.describe_alarms,
                AlarmNames=list(names[start : start + _NAMES]),
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
                MaxRecords=_NAMES,
            )
            rows = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            found += [
                Alarm(
                    name=row["AlarmName"],
                    state=_STATES[row["StateValue"]],
                    since=row.get("StateTransitionedTimestamp", row["StateUpdatedTimestamp"]),
                )
                for row in rows
            ]
        return sorted(found, key=lambda alarm: alarm.name)

    def _function(self, name: str) -> Held:
        alias = ask(self._functions.get_alias, FunctionName=f"{self._prefix}{name}", Name=ALIAS)
        beside = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        for version, share in beside.items():
            return str(alias["FunctionVersion"]), str(version), round(share * 100)
        return str(alias["FunctionVersion"]), None, 0

    def _point_function(self, name: str, held: Held) -> None:
        version, candidate, weight = held
        ask(
            self._functions.update_alias,
            FunctionName=f"{self._prefix}{name}",
            Name=ALIAS,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": {candidate: weight / 100} if candidate is not None else {}},
        )

    def _machine(self, name: str) -> Held:
        alias = ask(self._machines.describe_state_machine_alias, stateMachineAliasArn=self._alias(name))
        routes = sorted(alias["routingConfiguration"], key=lambda route: int(route["weight"]), reverse=True)
        shares = [(str(route["stateMachineVersionArn"]).rpartition(":")[2], int(route["weight"])) for route in routes]
        if len(shares) == 1 or shares[1][1] == 0:
            return shares[0][0], None, 0
        return shares[0][0], *shares[1]

    def _point_machine(self, name: str, held: Held) -> None:
        arn = self._alias(name)
        machine, (version, candidate, weight) = arn.rpartition(":")[0], held
        routes = [{"stateMachineVersionArn": f"{machine}:{version}", "weight": 100 - weight}]
        if candidate is not None:
            routes.append({"stateMachineVersionArn": f"{machine}:{candidate}", "weight": weight})
        ask(self._machines.update_state_machine_alias, stateMachineAliasArn=arn, routingConfiguration=routes)

    def _alias(self, name: str) -> str:
        if name not in self._aliases:
            raise Permanent("INTERNAL_ERROR", f"there is no state machine {name}")
        return self._aliases[name]
