"""Our runner over the same scripts as moto's interpreter: real rows, one thread, every entered state noted."""

import time
from typing import Any

import psycopg
import pytest

from infra.local import asl_line, state_machine
from infra.local.asl_errors import retry_delay
from infra.local.asl_line import Frame, Line
from infra.local.asl_rows import sweep
from infra.local.state_machine import StateMachine
from tests.workflow.conftest import Shop
from tests.workflow.machine_stubs import Answer, Outcome, Script, Stage


class OurInterpreter:
    """Runs scripts one at a time on an idle shop."""

    def __init__(self, shop: Shop, patch: pytest.MonkeyPatch) -> None:
        self._shop = shop
        self._stage = Stage(Script(machine={}))
        self._begun: set[int] = set()
        interpreter = self

        class ObservedLine(Line):
            """Notes the first state of each line and every state entered after it."""

            def __init__(self, definition: Any, frame: Frame, now: Any) -> None:
                super().__init__(definition, frame, now)
                if frame.frame_id not in interpreter._begun:
                    interpreter._begun.add(frame.frame_id)
                    interpreter._stage.entered.append(frame.state)

            def _step(self, data: Any, name: str | None) -> bool:
                if name is not None:
                    interpreter._stage.entered.append(name)
                return super()._step(data, name)

        patch.setattr(state_machine, "Line", ObservedLine)
        patch.setattr(asl_line, "retry_delay", self._retry_at_once)

    def run(self, script: Script) -> Outcome:
        """Run the script to its end."""
        stage = self._stage = Stage(script)
        self._shop.resolve = lambda name: lambda event, _: stage.call(name, event)  # type: ignore[method-assign]
        ref = self._shop.start(script.machine, script.input, name="job-1")
        machine = StateMachine(self._shop.resolve)
        with psycopg.connect(self._shop.url, autocommit=True) as connection:

            def step() -> bool:
                if machine.run_next(connection):
                    return False
                sweep(connection)
                time.sleep(0.005)
                return self._shop.look(ref).status != "RUNNING"

            stage.run(step, self._answer)
        ended = self._shop.look(ref)
        return stage.outcome(ended.status, ended.output, ended.error, ended.cause)

    def _retry_at_once(self, *arguments: Any) -> tuple[str, float] | None:
        found = retry_delay(*arguments)
        if found is None:
            return None
        self._stage.delays.append(float(found[1]))
        return found[0], 0.0

    def _answer(self, token: str, answer: Answer) -> None:
        kind, content = answer
        if kind == "succeed":
            assert self._shop.workflows.succeed(token, content)
        else:
            assert self._shop.workflows.fail(token, error=content[0], cause=content[1])
