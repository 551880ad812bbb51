"""Templates of every stage, synthesised once for all test processes, with empty assets."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
os.environ["CDK_VALIDATION"] = "false"  # checked once, by `make synth` and test_synth


@dataclass(frozen=True)
class Templates:
    """A stage's templates by the last part of the stack's name, as parsed JSON; what cdk-nag says of its constructs, as
    pairs of finding and path."""

    of: dict[str, dict[str, Any]]
    findings: list[tuple[str, str]]

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
    """Made by the first process that asks, for all that come later and for later runs over the same sources."""
    kept = CHECKOUT / ".local" / "tests" / "templates"
    kept.mkdir(parents=True, exist_ok=True)
    file = kept / f"{stage}-{_sources()}.json"
    with (kept / f"{stage}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            for older in kept.glob(f"{stage}-*.json"):
                older.unlink()
            file.write_text(json.dumps(_synthesise(stage)), encoding="utf-8")
    content = json.loads(file.read_text(encoding="utf-8"))
    return Templates(content["templates"], [(finding, path) for finding, path in content["findings"]])


def _synthesise(stage: str) -> dict[str, Any]:
    from infra.aws import nag
    from infra.aws.__main__ import add_stage, new_app
    from infra.aws.assets import Assets

    app = new_app()
    add_stage(app, stage, Assets.empty())
    findings = list(nag.findings(app))
    templates = {stack.stack_name.rpartition("-")[2]: stack.template for stack in app.synth().stacks}
    return {"templates": templates, "findings": findings}


@cache
def _sources() -> str:
    """All that a template is made of: our code, the platform, the routes of the bus, the packages."""
    tops = ("functions", "shared", "statemachines", "infra", "layers", "demo/smoke")
    found = hashlib.sha256((CHECKOUT / "requirements-dev.lock").read_bytes())
    for path in sorted(path for top in tops for path in (CHECKOUT / top).rglob("*")):
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts):
            found.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


@pytest.fixture(scope="session")
def templates() -> Callable[[str], Templates]:
    """Ask with a stage's name."""
    return synthesised
