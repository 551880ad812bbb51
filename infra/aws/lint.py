"""`python -m infra.aws.lint [folder]`: cfn-lint over the templates of cdk.out, and their state machines as deployed."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cfnlint.api import lint_file  # type: ignore[import-untyped]
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from infra.aws.bundle import ROOT
from infra.local import asl_lint

# Rules of cfn-lint that say nothing about these templates, each with the reason.
LEFT_OUT = {
    "W3005": "CDK repeats by DependsOn what a reference already says; CloudFormation takes both",
    "W3010": "zones are named so that a stage has as many as its template says, without a look-up in the account",
    "W6001": "the app stack tells `make smoke` and the hooks what the data stack made",
}
_OPEN = re.compile(r"\$\{(\w+)\}")
_ANY_FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:bidproof-stage-{name}:1"


def main(folder: Path) -> list[str]:
    """Every problem of the templates in the folder, as lines that name template and place."""
    paths = sorted(folder.glob("*.template.json"), key=lambda path: -path.stat().st_size)
    if not paths:
        return [f"{folder.name} holds no template: run make synth first"]
    # a template of functions takes 20 s of one core; processes that start anew share nothing with CDK's Node
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return [problem for problems in pool.map(problems_of, paths) for problem in problems]


def problems_of(path: Path) -> list[str]:
    """Every problem of one template."""
    return [*template_problems(path), *machine_problems(path)]


def template_problems(path: Path) -> Iterator[str]:
    """What cfn-lint finds against the resource schemas of the template's region; state machines too (E3601)."""
    region = "us-east-1" if "-edge." in path.name else "eu-central-1"
    for match in lint_file(path, config={"ignore_checks": sorted(LEFT_OUT), "regions": [region]}):
        yield f"{path.name}:{match.linenumber}: {match.rule.id} {match.message}"


def machine_problems(path: Path) -> Iterator[str]:
    """What is wrong with a definition once CloudFormation has filled in the substitutions."""
    for id, body in json.loads(path.read_text(encoding="utf-8"))["Resources"].items():
        if body["Type"] == "AWS::StepFunctions::StateMachine":
            for problem in definition_problems(body["Properties"]):
                yield f"{path.name}: {id}: {problem}"


def definition_problems(machine: Mapping[str, Any]) -> Iterator[str]:
    """Open names, the rules of asl_lint, and the grammar of an interpreter that is not ours (moto's)."""
    text, given = machine["DefinitionString"], machine.get("DefinitionSubstitutions", {})
    names = set(_OPEN.findall(text))
    yield from (f"{name} is not filled in" for name in sorted(names - given.keys()))
    yield from (f"{name} is filled in and stands nowhere" for name in sorted(given.keys() - names))
    yield from asl_lint.lint(json.loads(text))
    try:
        AmazonStateLanguageParser.parse(_OPEN.sub(lambda name: _ANY_FUNCTION.format(name=name[1]), text))
    except ASLParserException as error:
        yield f"no state machine: {error}"


if __name__ == "__main__":
    found = main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "cdk.out")
    print("\n".join(found) or "cfn-lint and the lint of state machines find nothing")
    sys.exit(1 if found else 0)
