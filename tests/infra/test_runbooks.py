"""Runbooks: five sections each, and commands that exist: make, python, aws, our API, SQL as its role (O27, O28)."""

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import psycopg
import pytest
from botocore import xform_name
from fastapi.routing import APIRoute

from functions.api.resources import PLACES, PREFIX, declared
from functions.api.routes import health
from infra.aws.alarms import all_rows
from infra.aws.stages import read_stage, stage_names
from infra.local.postgres import Databases

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
REQUIRED = {"incident", "quality", "dead-letters", "waits", "rollback", "restore", "reindex", "tenant-leak"}
REQUIRED |= {"key-rotation", "budget", "capacity"}
SECTIONS = ["Symptoms", "First five minutes", "Commands", "Decisions", "Proof of recovery"]
GLOBAL = {"region", "profile", "output"}  # options that every command of aws has
ROLES = {"bidproof_sweep": "sweep_url", "the administrator": "owner_url"}


def fences(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)


def commands(path: Path) -> Iterator[list[str]]:
    """Each line of a shell block as words."""
    for block in fences(path, "sh"):
        for line in block.splitlines():
            yield shlex.split(line)


def all_commands(program: str) -> list[tuple[str, list[str]]]:
    return [(path.stem, words) for path in RUNBOOKS for words in commands(path) if words[0] == program]


@cache
def service(name: str) -> dict[str, set[str]]:
    """The operations of a service as the CLI spells them, each with its options."""
    model = botocore.session.get_session().get_service_model(name)
    found = {}
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        options = {xform_name(member, "-") for member in (shape.members if shape else {})}
        switches = {
            f"no-{xform_name(member, '-')}"
            for member, kind in (shape.members if shape else {}).items()
            if kind.type_name == "boolean"
        }
        found[xform_name(operation, "-")] = options | switches
    return found


@cache
def routes() -> set[tuple[str, str]]:
    """Method and path with a wildcard for each id."""
    found = [(PREFIX + route.path, route.methods) for name in PLACES for route in declared(name)]
    found += [(route.path, route.methods) for route in health.router.routes if isinstance(route, APIRoute)]
    return {(method, re.sub(r"\{\w+\}", "*", path)) for path, methods in found for method in methods}


def test_every_runbook_that_the_specification_names_exists() -> None:
    assert {path.stem for path in RUNBOOKS} >= REQUIRED


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_has_its_five_sections_in_order_and_none_is_empty(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    assert parts[1::2] == SECTIONS
    assert [name for name, body in zip(parts[1::2], parts[2::2], strict=True) if len(body.split()) < 15] == []
    assert list(commands(path)), "no command"


@pytest.mark.parametrize("stage", stage_names())
def test_every_alarm_names_a_runbook_that_exists_and_knows_the_alarm(stage: str) -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in RUNBOOKS}
    for row in all_rows(read_stage(stage)):
        assert row.runbook in texts, row.name
        named = re.findall(r"`([a-z*-]+)`", texts[row.runbook])
        patterns = [re.escape(name).replace(r"\*", ".*") for name in named]
        assert any(re.fullmatch(pattern, row.name) for pattern in patterns), f"{row.runbook} does not know {row.name}"


def test_every_link_between_runbooks_leads_somewhere() -> None:
    for path in RUNBOOKS:
        for target in re.findall(r"\]\(([\w-]+\.md)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).is_file(), f"{path.stem}: {target}"


def test_every_command_is_of_a_program_that_is_checked_here() -> None:
    assert {words[0] for path in RUNBOOKS for words in commands(path)} <= {"make", "python", "aws", "curl"}


def test_every_make_target_can_be_made() -> None:
    for stem, words in all_commands("make"):
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{stem}: {words}: {done.stderr}"


def test_every_python_module_exists_and_can_be_run() -> None:
    for stem, words in all_commands("python"):
        assert words[1] == "-m", stem
        found = importlib.util.find_spec(words[2])
        assert found is not None, f"{stem}: {words[2]}"
        folder = found.submodule_search_locations
        main = Path(folder[0]) / "__main__.py" if folder else Path(str(found.origin))
        assert main.is_file() and (folder or "__main__" in main.read_text(encoding="utf-8")), f"{stem}: {words[2]}"


def test_every_aws_command_is_an_operation_with_these_options() -> None:
    for stem, words in all_commands("aws"):
        name, operation = words[1], words[2]
        name = {"s3api": "s3", "deploy": "codedeploy"}.get(name, name)
        assert operation in service(name), f"{stem}: aws {words[1]} {operation}"
        given = {word[2:].partition("=")[0] for word in words[3:] if word.startswith("--")}
        unknown = given - service(name)[operation] - GLOBAL
        assert not unknown, f"{stem}: aws {words[1]} {operation} {unknown}"


def test_every_call_of_the_api_has_its_route() -> None:
    for stem, words in all_commands("curl"):
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        url = next(word for word in words if word.startswith(("$API", "http")))
        path = re.sub(r"\$[A-Z_]+", "*", url.removeprefix("$API").partition("?")[0])
        if path.startswith("http://127.0.0.1"):
            assert path.endswith("/internal/metrics"), f"{stem}: {url}"
            continue
        assert (method, path) in routes(), f"{stem}: {method} {path}"


@pytest.mark.parametrize("path", [p for p in RUNBOOKS if fences(p, "sql")], ids=lambda path: path.stem)
def test_every_statement_can_be_planned_by_the_role_it_is_for(path: Path, databases: Databases) -> None:
    for block in fences(path, "sql"):
        role = re.match(r"-- as ([\w ]+)\n", block)
        assert role is not None, block
        with psycopg.connect(getattr(databases, ROLES[role.group(1)])) as connection:
            for statement in block[role.end() :].split(";"):
                if statement.strip():
                    connection.execute("explain " + statement)
            connection.rollback()
