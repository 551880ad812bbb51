"""The shape of the code: budgets, names, and one behaviour with one name in five places (design section 5)."""

import ast
import json
import re
import statistics
from pathlib import Path

import pytest

from shared.domain.error_catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
MODULES = sorted(p for top in ("shared", "functions", "infra", "bench") for p in (ROOT / top).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
VAGUE = {"utils", "helpers", "common", "misc", "base", "manager", "service", "store"}
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.json"))
NOT_STEPS = {"api", "start_work", "stop_execution", "deliver_wait", "relay_outbox"}
NOT_STEPS |= {"reconcile_runs", "reconcile_executions", "reconcile_leases", "reconcile_waits", "reconcile_outbox"}
NOT_STEPS |= {"reconcile_index", "reconcile_objects", "watch_sweeps"}
NOT_STEPS |= {"finish_dead_letters", "clear_leftovers"}
NOT_STEPS |= {"deliver_webhook", "send_due_webhooks"}
NOT_STEPS |= {"record_dead_message"}
NOT_STEPS |= {"migrate_schema"}  # a deployment calls it
NOT_STEPS |= {"verify_release", "check_release", "enroll_tenant", "admit_search_roles"}  # a deployment calls them
NOT_STEPS |= {"work_tasks"}
NOT_STEPS |= {"remind_reviewers"}
NOT_STEPS |= {"reindex_tenants"}
NOT_STEPS |= {"follow_batch", "reconcile_batches"}
NOT_STEPS |= {"compare_replays"}
NOT_STEPS |= {"shape_token"}  # the user pool calls it


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def tasks(machine: Path) -> list[tuple[str, str]]:
    """(state name, function name) of every Task, those inside Maps too."""
    found = []

    def walk(states: dict[str, dict]) -> None:  # type: ignore[type-arg]
        for state, body in states.items():
            if body["Type"] == "Task":
                resource = body["Resource"]
                target = body["Parameters"]["FunctionName"] if resource.startswith("arn:") else resource
                found.append((state, target.strip("${}")))
            if body["Type"] == "Map":
                walk(body["ItemProcessor"]["States"])

    walk(json.loads(machine.read_text())["States"])
    return found


def snake(camel: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()


def test_no_module_is_longer_than_300_lines_and_the_median_is_small() -> None:
    assert {name(p): lines(p) for p in (*MODULES, *TESTS) if lines(p) > 300} == {}
    assert statistics.median(lines(p) for p in MODULES if lines(p)) <= 120


def test_no_function_is_longer_than_40_lines() -> None:
    long = {
        f"{name(p)}:{node.name}": node.end_lineno - node.lineno + 1
        for p in MODULES
        for node in ast.walk(tree(p))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno + 1 > 40
    }
    assert long == {}


def test_no_handler_is_longer_than_15_lines() -> None:
    handlers = list((ROOT / "functions").glob("*/handler.py"))
    assert {name(p): lines(p) for p in handlers if lines(p) > 15} == {}


def test_no_class_has_more_than_10_public_methods() -> None:
    wide = {}
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                public = [
                    m
                    for m in node.body
                    if isinstance(m, ast.FunctionDef)
                    and not m.name.startswith("_")
                    and not any(
                        ast.unparse(d) in ("property", "cached_property", "made_once") for d in m.decorator_list
                    )
                ]
                if len(public) > 10:
                    wide[f"{name(path)}:{node.name}"] = len(public)
    assert wide == {}


def test_no_module_has_a_vague_name() -> None:
    assert [name(p) for p in MODULES if p.stem in VAGUE or VAGUE & set(p.stem.split("_"))] == []


def test_every_module_begins_with_a_docstring() -> None:
    assert [name(p) for p in MODULES if p.read_text(encoding="utf-8").strip() and not ast.get_docstring(tree(p))] == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda p: p.stem)
def test_every_task_state_is_named_after_its_function(machine: Path) -> None:
    for state, function in tasks(machine):
        assert state.startswith(function)
        assert (ROOT / "functions" / snake(function) / "handler.py").is_file(), function


def test_every_function_has_a_state_or_is_a_consumer_or_a_schedule() -> None:
    used = {snake(function) for machine in MACHINES for _, function in tasks(machine)}
    folders = {p.parent.name for p in (ROOT / "functions").glob("*/handler.py")}
    assert folders - used == NOT_STEPS & folders
    assert used <= folders


def test_every_function_is_named_after_its_use_case() -> None:
    folders = {p.parent.name for p in (ROOT / "functions").glob("*/handler.py")} - {"api"}
    assert [f for f in folders if not (ROOT / "shared" / "usecases" / f"{f}.py").is_file()] == []


def test_every_use_case_has_a_unit_test() -> None:
    cases = [p.stem for p in (ROOT / "shared" / "usecases").glob("*.py") if p.stem != "__init__"]
    tests = {p.stem for p in (ROOT / "tests" / "unit" / "usecases").glob("test_*.py")}
    assert [c for c in cases if f"test_{c}" not in tests] == []


def test_every_error_code_stands_in_the_docs_and_every_raised_code_in_the_catalogue() -> None:
    docs = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [code for code in CATALOGUE if f"`{code}`" not in docs] == []
    raised = re.compile(r"\b(?:Refused|Retryable|Permanent)\(\s*\"([A-Z_]+)\"")
    used = {code for p in MODULES for code in raised.findall(p.read_text(encoding="utf-8"))}
    assert used <= CATALOGUE.keys()


def test_every_setting_stands_in_the_docs() -> None:
    from shared.settings import Settings

    docs = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = Settings.__dataclass_fields__.values()
    assert [row.metadata["env"] for row in rows if f"`{row.metadata['env']}`" not in docs] == []


def test_nothing_in_the_repository_names_a_machine_or_a_registry() -> None:
    bad = re.compile(r"/work/|/root/|files\.pythonhosted|--index-url|--find-links")
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".lock", ".toml", ".json", ".sql", ".txt"}]
    inside = [
        p
        for p in texts
        if not {".venv", ".local", ".git", "build", "cdk.out", "node_modules"} & set(p.relative_to(ROOT).parts)
    ]
    me = Path(__file__)
    assert [name(p) for p in inside if p != me and bad.search(p.read_text(encoding="utf-8", errors="replace"))] == []
