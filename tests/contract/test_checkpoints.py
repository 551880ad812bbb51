"""Checkpoints: resumed by another process, kept apart by tenant, JSON only."""

from typing import Annotated, Any, TypedDict

import psycopg
import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, interrupt

from infra.local.postgres import Databases
from shared.adapters.postgres.checkpoints import JsonOnly, TenantSaver
from shared.domain.context import Actor
from shared.domain.errors import Permanent
from tests.records import ids, new_tenant, pool


class State(TypedDict, total=False):
    seen: Annotated[list[str], lambda old, new: [*old, *new]]
    nested: dict[str, Any]
    answer: str


class Asker:
    """A two-node graph that notes which nodes ran in this process."""

    def __init__(self, databases: Databases, tenant: str, *, fails: bool = False) -> None:
        self.ran: list[str] = []
        self.fails = fails
        graph = StateGraph(State)
        graph.add_node("look", self.look)
        graph.add_node("think", self.think)
        graph.add_node("ask", lambda state: {"answer": interrupt({"question": "why?"})})
        graph.add_edge(START, "look")
        graph.add_edge("look", "think")
        graph.add_edge("think", "ask")
        graph.add_edge("ask", END)
        actor = Actor(tenant_id=tenant, actor_id="system", kind="system")
        self.graph = graph.compile(checkpointer=TenantSaver(pool(databases.app_url), actor))

    def look(self, state: State) -> State:
        self.ran.append("look")
        return {"seen": ["look"], "nested": {"ids": ["chk_1", 2, 1.5, None, True]}}

    def think(self, state: State) -> State:
        self.ran.append("think")
        if self.fails:
            raise Permanent("DATA_CORRUPTED", "a quote of the document")
        return {"seen": ["think"]}

    def go(self, thread: str, given: Any) -> dict[str, Any]:
        config: Any = {"configurable": {"thread_id": thread}}
        return dict(self.graph.invoke(given, config, durability="sync"))


def test_a_thread_waits_for_a_person_and_goes_on_in_another_process(databases: Databases) -> None:
    tenant, thread = new_tenant(databases), ids.new("evl")
    first = Asker(databases, tenant).go(thread, {})
    assert [found.value for found in first["__interrupt__"]] == [{"question": "why?"}]
    other = Asker(databases, tenant)
    done = other.go(thread, Command(resume={first["__interrupt__"][0].id: "because"}))
    assert done == {"seen": ["look", "think"], "nested": {"ids": ["chk_1", 2, 1.5, None, True]}, "answer": "because"}
    assert other.ran == []


def test_a_crashed_node_runs_again_and_the_one_before_does_not(databases: Databases) -> None:
    tenant, thread = new_tenant(databases), ids.new("evl")
    with pytest.raises(Permanent):
        Asker(databases, tenant, fails=True).go(thread, {})
    second = Asker(databases, tenant)
    assert "__interrupt__" in second.go(thread, None)
    assert second.ran == ["think"]
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (tenant,))
        blobs = connection.execute("select blob from checkpoint_writes where thread_id = %s", (thread,)).fetchall()
    assert all(b"a quote" not in bytes(blob) for (blob,) in blobs)


def test_another_tenant_sees_no_thread(databases: Databases) -> None:
    thread = ids.new("evl")
    Asker(databases, new_tenant(databases)).go(thread, {})
    other = Asker(databases, new_tenant(databases))
    assert other.graph.get_state({"configurable": {"thread_id": thread}}).values == {}


def test_the_tables_are_not_made_at_run_time(databases: Databases) -> None:
    actor = Actor(tenant_id=new_tenant(databases), actor_id="system")
    with pytest.raises(RuntimeError):
        TenantSaver(pool(databases.app_url), actor).setup()


@pytest.mark.parametrize("value", [object(), {1: "a"}, {"$interrupt": {}}, b"bytes", float("nan"), {"a": {1, 2}}])
def test_only_json_goes_into_a_checkpoint(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        JsonOnly().dumps_typed(value)


@pytest.mark.parametrize("data", [("pickle", b"\x80\x04."), ("msgpack", b"\x81"), ("bp-json-1", b"\x80\x04.")])
def test_a_hostile_row_is_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(Permanent, match="checkpoint data"):
        JsonOnly().loads_typed(data)


def test_a_name_in_the_data_builds_nothing() -> None:
    hostile = b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "true"}}'
    assert JsonOnly().loads_typed(("bp-json-1", hostile))["id"] == ["os", "system"]


def test_an_interrupt_comes_back_as_one() -> None:
    kind, data = JsonOnly().dumps_typed([Interrupt(value={"a": 1}, id="7")])
    assert JsonOnly().loads_typed((kind, data)) == [Interrupt(value={"a": 1}, id="7")]
