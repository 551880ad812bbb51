"""Alarms of every queue, state machine and group of functions (spec O18, O25)."""

from collections.abc import Iterator

from infra.aws.alarm_rows import AlarmRow, Source
from infra.aws.catalogue import CATALOGUE
from infra.aws.queues import NUDGE
from infra.aws.workflows import FILES
from infra.local.events import QUEUES

PART = 9  # functions of one alarm: metric math takes ten, and one of them is the sum
DEAD = "-dead"


def platform_rows() -> Iterator[AlarmRow]:
    """The alarms that AWS's own metrics carry."""
    yield from _queues()
    yield from _machines()
    yield from _functions()


def queue_names() -> tuple[str, ...]:
    """The queues of a stage without their dead letters."""
    return (*(name for name in QUEUES if not name.endswith(DEAD)), NUDGE)


def _sqs(queue: str, name: str) -> tuple[Source, ...]:
    return (Source(namespace="AWS/SQS", name=name, dimensions={"QueueName": "{prefix}" + queue}),)


def _queues() -> Iterator[AlarmRow]:
    for queue in queue_names():
        yield AlarmRow(
            name=f"queue-{queue}-old",
            severity="P1",
            owner="platform",
            runbook="capacity",
            about=f"the oldest message of {queue} waits for more than 15 min (O18)",
            sources=_sqs(queue, "ApproximateAgeOfOldestMessage"),
            statistic="Maximum",
            above=900,
        )
        yield AlarmRow(
            name=f"queue-{queue}-deep",
            severity="P2",
            owner="platform",
            runbook="capacity",
            about=f"more than 2,000 messages wait in {queue} for 10 min (O18)",
            sources=_sqs(queue, "ApproximateNumberOfMessagesVisible"),
            statistic="Minimum",
            above=2000,
            of=2,
            muted_by=f"queue-{queue}-old",
        )
    for queue in (*(f"{name}{DEAD}" for name in queue_names()), f"undelivered{DEAD}"):
        is_read = queue != f"undelivered{DEAD}"
        yield AlarmRow(
            name=f"queue-{queue}-waits",
            severity="P1",
            owner="platform",
            runbook="dead-letters",
            about=f"dead messages of {queue} are not recorded for 15 min"
            if is_read
            else "the bus could not hand an event to a queue",
            sources=_sqs(queue, "ApproximateNumberOfMessagesVisible"),
            statistic="Minimum" if is_read else "Maximum",
            above=0,
            of=3 if is_read else 1,
        )


def _machines() -> Iterator[AlarmRow]:
    for machine in FILES:
        where = {"StateMachineArn": "{machine:" + machine + "}"}
        for name, metric, severity, limit, about in (
            ("failing", "ExecutionsFailed", "P1", 5, "more than 5 executions failed in 5 min"),
            ("timed-out", "ExecutionsTimedOut", "P1", 0, "an execution ran longer than its machine allows (O25)"),
            ("throttled", "ExecutionThrottled", "P2", 0, "Step Functions throttles transitions"),
        ):
            yield AlarmRow(
                name=f"machine-{machine}-{name}",
                severity=severity,  # type: ignore[arg-type]
                owner="platform",
                runbook="capacity" if name == "throttled" else "incident",
                about=f"{machine}: {about}",
                sources=(Source(namespace="AWS/States", name=metric, dimensions=where),),
                above=limit,
                of=3 if name == "throttled" else 1,
            )


def function_groups() -> dict[str, tuple[str, ...]]:
    """Functions that share an alarm, by what calls them, at most nine together."""
    by_trigger: dict[str, list[str]] = {}
    for row in CATALOGUE.values():
        by_trigger.setdefault(row.trigger.partition(":")[0], []).append(row.name)
    return {
        f"{trigger}-{start // PART + 1}": tuple(names[start : start + PART])
        for trigger, names in by_trigger.items()
        for start in range(0, len(names), PART)
    }


def _functions() -> Iterator[AlarmRow]:
    """Over whole groups: the alarms of one alias, which take a deployment back, are made with the deployment."""
    for group, names in function_groups().items():
        for word, metric, limit, runbook in (
            ("errors", "Errors", 5, "incident"),
            ("throttled", "Throttles", 0, "capacity"),
        ):
            yield AlarmRow(
                name=f"functions-{group}-{word}",
                severity="P2",
                owner="platform",
                runbook=runbook,
                about=f"more than {limit} {metric.lower()} in 5 min, three times, among {', '.join(names)}",
                sources=tuple(
                    Source(namespace="AWS/Lambda", name=metric, dimensions={"FunctionName": "{prefix}" + name})
                    for name in names
                ),
                expression=" + ".join(f"FILL(m{n}, 0)" for n in range(len(names))),
                above=limit,
                of=3,
            )
