"""The reasoning over one criterion as a LangGraph graph: the nodes of W66-W75, one thread per criterion."""

import logging
from collections.abc import Callable, Hashable
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from shared.adapters.criterion_graph.decisions import CriterionDecisions
from shared.adapters.criterion_graph.nodes import CriterionNodes, SearchCall
from shared.adapters.criterion_graph.state import ThreadValues, check_size
from shared.domain.canonical_json import digest
from shared.domain.errors import CodedError, Permanent, Refused
from shared.domain.plans import GRAPH_VERSION, is_continued, thread_id
from shared.ports.platform import Clock, Ids
from shared.ports.reasoning import Judge, ThreadState
from shared.ports.records import Records

log = logging.getLogger("bidproof.graph")
Node = Callable[[ThreadValues], ThreadValues]
JUDGE = "judge"


class LangGraphCriteria:
    """The CriterionGraph port over LangGraph; made per call, used by one thread at a time.

    `saver` keeps the checkpoints (adapters/postgres/checkpoints.py), written synchronously after each node (W76)."""

    version = GRAPH_VERSION

    def __init__(
        self,
        *,
        records: Records,
        search: SearchCall,
        saver: BaseCheckpointSaver[Any],
        ids: Ids,
        clock: Clock,
        judge: Judge,
    ) -> None:
        self._tenant_id, self._trace_id, self._clock = records.actor.tenant_id, records.actor.trace_id, clock
        self._nodes = nodes = CriterionNodes(records=records, search=search, ids=ids, judge=judge)
        self._graph = self._compile(nodes, CriterionDecisions(records=records, ids=ids, read=nodes.read), saver)

    def state(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Read the thread without running it."""
        return _state(self._graph.get_state(_config(evaluation_id, criterion_id)))

    def run(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Start the thread, or continue it with its next node; a finished or waiting one stays as it is."""
        before = self.state(evaluation_id, criterion_id)
        if before.status in ("finished", "interrupted"):
            return before
        return self._go(evaluation_id, criterion_id, self._beginning(evaluation_id, criterion_id, before))

    def park(self, evaluation_id: str, criterion_id: str, *, reason: str) -> ThreadState:
        """Take the thread to its end or its interrupt without the judge; where it stands before the judge, write
        `needs_human` with this reason as if `measure_confidence` had returned it (W43)."""
        before = self.state(evaluation_id, criterion_id)
        if before.status in ("finished", "interrupted"):
            return before
        config = _config(evaluation_id, criterion_id)
        snapshot = self._graph.get_state(config)
        if JUDGE not in snapshot.next:
            begun = self._beginning(evaluation_id, criterion_id, before)
            self._graph.invoke(begun, config, durability="sync", interrupt_before=[JUDGE])
            snapshot = self._graph.get_state(config)
        if JUDGE in snapshot.next:
            update = self._nodes.unjudged(cast(ThreadValues, snapshot.values), reason)
            self._graph.update_state(config, dict(update), as_node="measure_confidence")
            return self._go(evaluation_id, criterion_id, None)
        return _state(snapshot)

    def decide(
        self, evaluation_id: str, criterion_id: str, *, decision_id: str, interrupt_id: str | None
    ) -> ThreadState:
        """Give the stored decision to the pending interrupt of this id, or, without one, to a finished thread (W78).

        Raises Permanent WF_CHECKPOINT_NOT_FOUND for a thread without checkpoints (W77) or of a graph too old to go on
        (W84), and Refused WF_INTERRUPT_RESUME_INVALID when it waits for another answer or was answered otherwise."""
        config = _config(evaluation_id, criterion_id)
        snapshot = self._graph.get_state(config)
        before = _state(snapshot)
        if before.status == "absent" or not is_continued(before.graph_version):
            raise Permanent("WF_CHECKPOINT_NOT_FOUND", f"thread {thread_id(evaluation_id, criterion_id)}")
        if before.status == "finished" and before.decision_id == decision_id:
            return before
        answer = {"decision_id": decision_id}
        if before.status == "pending" and snapshot.values.get("decision") == answer:
            return self._go(evaluation_id, criterion_id, None)
        if before.interrupt_id != interrupt_id or before.status == "pending":
            raise Refused("WF_INTERRUPT_RESUME_INVALID", details={"pending": before.interrupt_id})
        if before.status == "interrupted":
            return self._go(evaluation_id, criterion_id, Command(resume={interrupt_id: answer}))
        self._graph.update_state(config, {"decision": answer}, as_node="ask_person")
        return self._go(evaluation_id, criterion_id, None)

    def _beginning(self, evaluation_id: str, criterion_id: str, before: ThreadState) -> ThreadValues | None:
        """What a new thread starts with; None lets one that has begun go on."""
        if before.status != "absent":
            return None
        return {
            "tenant_id": self._tenant_id,
            "evaluation_id": evaluation_id,
            "criterion_id": criterion_id,
            "thread_id": thread_id(evaluation_id, criterion_id),
            "graph_version": GRAPH_VERSION,
        }

    def _go(self, evaluation_id: str, criterion_id: str, given: Any) -> ThreadState:
        config = _config(evaluation_id, criterion_id)
        self._graph.invoke(given, config, durability="sync")
        return self.state(evaluation_id, criterion_id)

    def _compile(
        self, nodes: CriterionNodes, decisions: CriterionDecisions, saver: BaseCheckpointSaver[Any]
    ) -> CompiledStateGraph[ThreadValues, None, ThreadValues, ThreadValues]:
        graph: StateGraph[ThreadValues, None, ThreadValues, ThreadValues] = StateGraph(ThreadValues)
        steps: list[Node] = [
            nodes.load_context,
            nodes.retrieve_evidence,
            nodes.apply_rules,
            nodes.judge,
            nodes.verify_claims,
            nodes.measure_confidence,
            nodes.commit_suggestion,
            nodes.ask_person,
            decisions.apply_decision,
            decisions.commit_decision,
        ]
        for step in steps:
            graph.add_node(step.__name__, self._noted(step))  # type: ignore[call-overload]
        order = [START, *(step.__name__ for step in steps), END]
        branches = {"apply_rules": _after_rules, "commit_suggestion": _after_suggestion}
        for name, following in pairwise(order):
            if name in branches:
                targets: list[Hashable] = [following, "verify_claims" if name == "apply_rules" else END]
                graph.add_conditional_edges(name, branches[name], {target: str(target) for target in targets})
            else:
                graph.add_edge(name, following)
        return graph.compile(checkpointer=saver)

    def _noted(self, step: Node) -> Node:
        """Log each node with its times and hashes (W83) and hold the state to its size (W80)."""

        def node(values: ThreadValues) -> ThreadValues:
            started, code, update = self._clock.now(), None, ThreadValues()
            try:
                update = step(values)
                check_size({**values, **update})
            except CodedError as error:
                code = error.code
                raise
            finally:
                self._log(step.__name__, values, update, started, code)
            return update

        return node

    def _log(self, name: str, values: ThreadValues, update: ThreadValues, started: datetime, code: str | None) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        ended = self._clock.now()
        entry = {
            "trace_id": self._trace_id,
            "thread_id": values["thread_id"],
            "node": name,
            "started_at": started.isoformat(),
            "ended_at": ended.isoformat(),
            "latency_ms": (ended - started).total_seconds() * 1000,
            "input_hash": digest(dict(values)),
            "output_hash": digest(dict(update)),
            "error_code": code,
        }
        log.info("BP_GRAPH_NODE", extra=entry)


def _after_rules(values: ThreadValues) -> str:
    return "judge" if values["draft"]["undecided"] else "verify_claims"


def _after_suggestion(values: ThreadValues) -> str:
    return "ask_person" if values["measured"]["reasons"] else END


def _config(evaluation_id: str, criterion_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id(evaluation_id, criterion_id)}}


def _state(snapshot: StateSnapshot) -> ThreadState:
    values = snapshot.values
    if snapshot.created_at is None:
        return ThreadState(status="absent")
    # `next` leaves out a node that has written but whose checkpoint is still to come; there a killed worker stops too
    status = "interrupted" if snapshot.interrupts else "pending" if snapshot.tasks else "finished"
    return ThreadState(
        status=status,
        interrupt_id=snapshot.interrupts[0].id if snapshot.interrupts else None,
        verdict_id=values.get("verdict_id"),
        decision_id=values.get("decision_id"),
        input_hash=values.get("input_hash"),
        graph_version=values.get("graph_version"),
    )
