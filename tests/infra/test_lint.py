"""Templates of every stage under cdk-nag, cfn-lint and the lint of state machines (issue 5)."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.aws.lint import LEFT_OUT, definition_problems, machine_problems, main, problems_of, template_problems
from tests.infra.conftest import Templates, synthesised
from tests.infra.template_parts import STAGES


@cache
def findings() -> list[tuple[str, str]]:
    """Of cdk-nag, over all stages."""
    return [found for stage in STAGES for found in synthesised(stage).findings]


def test_every_finding_of_cdk_nag_has_a_written_reason() -> None:
    from infra.aws.nag import reason

    assert [(finding, path) for finding, path in findings() if reason(finding, path) is None] == []


def test_every_reason_is_still_needed_and_long_enough_to_be_one() -> None:
    from infra.aws.nag import ACCEPTED, accepts

    unused = [row for row in ACCEPTED if not any(accepts(row, finding, path) for finding, path in findings())]
    assert unused == []
    assert all(len(row.reason) >= 40 for row in ACCEPTED)


def test_a_finding_elsewhere_is_not_covered_by_a_reason() -> None:
    from infra.aws.nag import reason

    assert reason("AwsSolutions-SQS3", "bidproof-prod-app/Queues/WorkBatch/Resource") is None
    assert reason("AwsSolutions-IAM5[Resource::*]", "bidproof-prod-app/Interface/Role/DefaultPolicy/Resource") is None
    assert reason("AwsSolutions-RDS10", "bidproof-prod-data/Database/Cluster/Resource") is None
    assert (
        reason("AwsSolutions-IAM5[Action::s3:*]", "bidproof-dev-app/Functions/ApiRole/DefaultPolicy/Resource") is None
    )


def written_to(folder: Path, made: Templates) -> Path:
    for name, template in made.of.items():
        (folder / f"bidproof-{name}.template.json").write_text(json.dumps(template), encoding="utf-8")
    return folder


def test_cfn_lint_finds_nothing_in_the_small_templates_of_a_stage(
    templates: Callable[[str], Templates], tmp_path: Path
) -> None:
    """Those of functions and alarms take a minute of cfn-lint: `make synth` lints them, in all stages."""
    folder = written_to(tmp_path, templates("prod"))
    small = [
        path for path in sorted(folder.iterdir()) if path.name.split(".")[0] not in ("bidproof-app", "bidproof-watch")
    ]
    assert len(small) >= 4
    assert [problem for path in small for problem in problems_of(path)] == []


def test_cfn_lint_finds_what_no_region_takes(tmp_path: Path) -> None:
    broken = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "long"}}}}
    (path := tmp_path / "broken.template.json").write_text(json.dumps(broken))
    assert any("VisibilityTimeout" in problem or "integer" in problem for problem in template_problems(path))
    assert main(tmp_path / "nowhere") == ["nowhere holds no template: run make synth first"]
    assert all(len(why) > 40 for why in LEFT_OUT.values())


@pytest.mark.parametrize("stage", STAGES)
def test_every_state_machine_is_sound_with_its_functions_filled_in(
    templates: Callable[[str], Templates], stage: str, tmp_path: Path
) -> None:
    written_to(tmp_path, templates(stage))
    assert [problem for path in tmp_path.iterdir() for problem in machine_problems(path)] == []


def changed(machine: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    definition = json.loads(machine["DefinitionString"])
    change(definition)
    return machine | {"DefinitionString": json.dumps(definition)}


def test_the_lint_of_state_machines_finds_a_hole_and_a_broken_definition(templates: Callable[[str], Templates]) -> None:
    machine = next(iter(templates("dev").resources("AWS::StepFunctions::StateMachine").values()))["Properties"]
    assert list(definition_problems(machine)) == []
    given = dict(machine["DefinitionSubstitutions"])
    given["Nobody"] = given.pop("ClaimJob")
    assert list(definition_problems(machine | {"DefinitionSubstitutions": given})) == [
        "ClaimJob is not filled in",
        "Nobody is filled in and stands nowhere",
    ]
    assert list(definition_problems(changed(machine, lambda it: it["States"]["ClaimJob"].pop("Next"))))
    assert list(definition_problems(changed(machine, lambda it: it["States"]["ClaimJob"].pop("TimeoutSeconds"))))
