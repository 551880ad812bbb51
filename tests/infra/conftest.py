"""Templates of every stage, synthesised once for each test process, with empty assets."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

os.environ["CDK_VALIDATION"] = "false"  # checked once, by `make synth` and test_synth


@dataclass(frozen=True)
class Templates:
    """A stage's templates by the last part of the stack's name, as parsed JSON."""

    of: dict[str, dict[str, Any]]

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id -> resource of a type, over all stacks of the stage."""
        return {
            id: body
            for template in self.of.values()
            for id, body in template["Resources"].items()
            if body["Type"] == kind
        }


@cache
def synthesised(stage: str) -> Templates:
    from infra.aws.__main__ import add_stage, new_app
    from infra.aws.assets import Assets

    app = new_app()
    add_stage(app, stage, Assets.empty())
    stacks = app.synth().stacks
    return Templates({stack.stack_name.rpartition("-")[2]: stack.template for stack in stacks})


@pytest.fixture(scope="session")
def templates() -> Callable[[str], Templates]:
    """Ask with a stage's name."""
    return synthesised
