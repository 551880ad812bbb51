"""The bus and the queues behind it: each consumer with its dead letters, each event type with its rules (spec W98)."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws.catalogue import CATALOGUE
from infra.local.events import CONSUMERS, ENDED, HEARD, QUEUED, QUEUES, SLOT_FREE
from shared.adapters.eventbridge import SOURCE
from shared.domain.executions import LANES
from shared.domain.jobs import TASK_TYPES

RECEIVES = 5  # W98
DEAD = "-dead"
NUDGE = "relay-outbox"  # wakes the relay after a commit; locally that is a NOTIFY (W96)


class Queues(Construct):
    """`bus`, `queues` and `dead` (by the port's name of the queue)."""

    def __init__(self, scope: Construct, id: str, *, prefix: str, key: Any) -> None:
        super().__init__(scope, id)
        self._prefix, self._key = prefix, key
        self.bus = events.EventBus(self, "Bus", event_bus_name=prefix.rstrip("-"), kms_key=key)
        self.bus.archive("Archive", event_pattern=events.EventPattern(source=[SOURCE]), retention=Duration.days(14))
        consumers = {name: function for name, function in QUEUES.items() if not name.endswith(DEAD)}
        consumers[NUDGE] = "relay_outbox"
        self.consumers = consumers
        self.dead = {name: self._dead(name) for name in consumers}
        self.queues = {name: self._queue(name, CATALOGUE[function].timeout) for name, function in consumers.items()}
        self.undelivered = self._dead("undelivered")  # what the bus could not hand to a queue
        for name in QUEUES:
            if not name.endswith(DEAD):
                self._rules(name)

    def _dead(self, name: str) -> Any:
        return sqs.Queue(
            self,
            f"Dead{_camel(name)}",
            queue_name=f"{self._prefix}{name}{DEAD}",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.seconds(6 * CATALOGUE["record_dead_message"].timeout),
        )

    def _queue(self, name: str, timeout: int) -> Any:
        dead = self.dead[name]
        queue = sqs.Queue(
            self,
            _camel(name),
            queue_name=f"{self._prefix}{name}",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(6 * timeout),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=RECEIVES),
        )
        # by name, because the queue already depends on its dead letters
        arn = dead.stack.format_arn(service="sqs", resource=f"{self._prefix}{name}")
        dead.node.default_child.redrive_allow_policy = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
        return queue

    def _rules(self, name: str) -> None:
        """What infra/local/events.py::routes decides by code, as patterns of the bus."""
        for number, pattern in enumerate(patterns(name)):
            events.Rule(
                self,
                f"To{_camel(name)}{number or ''}",
                event_bus=self.bus,
                event_pattern=events.EventPattern(source=[SOURCE], **pattern),
                targets=[
                    targets.SqsQueue(
                        self.queues[name],
                        message=events.RuleTargetInput.from_event_path("$.detail"),
                        dead_letter_queue=self.undelivered,
                        retry_attempts=10,
                        max_event_age=Duration.hours(1),
                    )
                ],
            )

    def feed(self, name: str, alias: Any, *, concurrency: int | None) -> None:
        """Let the function read the queue, part by part; failures are reported per message."""
        alias.add_event_source(_source(self.queues[name], concurrency))

    def feed_dead(self, alias: Any) -> None:
        """Let one consumer read all dead letters (W103)."""
        for queue in self.dead.values():
            alias.add_event_source(_source(queue, 2))


def patterns(name: str) -> list[dict[str, Any]]:
    """The EventBridge patterns of a queue: detail types, and for lanes what the payload says.

    The same table as the local bus reads; tests/infra compares both over every event type."""
    family, _, lane = name.partition("-")
    if name == "follow-batch":
        return [{"detail_type": sorted(ENDED), "detail": {"payload": {"batch_id": [{"exists": True}]}}}]
    if family not in ("work", "tasks") or lane not in LANES:
        kinds = {kind for kind, queues in CONSUMERS.items() if name in queues} | (
            HEARD if name == "deliver-webhook" else set()
        )
        return [{"detail_type": sorted(kinds)}] if kinds else []
    lanes: list[Any] = [lane] if lane != "standard" else [lane, {"exists": False}]
    tasks = sorted(TASK_TYPES)
    if family == "tasks":
        return [{"detail_type": sorted(QUEUED), "detail": {"payload": {"lane": lanes, "job_type": tasks}}}]
    others = [{"anything-but": tasks}, {"exists": False}]
    return [
        {"detail_type": sorted(QUEUED), "detail": {"payload": {"lane": lanes, "job_type": others}}},
        {"detail_type": sorted(SLOT_FREE), "detail": {"payload": {"lane": lanes}}},
    ]


def _source(queue: Any, concurrency: int | None) -> Any:
    return sources.SqsEventSource(
        queue,
        batch_size=10,
        max_batching_window=Duration.seconds(0),
        report_batch_item_failures=True,
        max_concurrency=max(2, concurrency or 2),
    )


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))
