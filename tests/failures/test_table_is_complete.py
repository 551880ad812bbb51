"""Every row of the failure table (spec 06 section 15) has a test that carries its id in its name."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = {f"f{number:02d}" for number in range(1, 37)}
MISSING: dict[str, str] = {}


def rows_with_a_test() -> set[str]:
    """The ids in the names of all test functions below tests/."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found |= set(re.findall(r"(?<![a-z0-9])f\d\d(?![a-z0-9])", node.name))
    return found


def test_every_row_of_the_failure_table_has_a_test() -> None:
    assert ROWS - rows_with_a_test() == MISSING.keys()


def test_no_test_names_a_row_that_the_table_does_not_have() -> None:
    assert rows_with_a_test() <= ROWS
