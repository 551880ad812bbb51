"""No error is raised with a class that contradicts its row of the catalogue (spec D121, D122, W23)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.adapters.postgres.session import translate
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.retries import ONCE_CODES, as_raised

ROOT = Path(__file__).parents[2]
SOURCES = [p for top in ("shared", "functions", "infra") for p in (ROOT / top).rglob("*.py")]
KINDS = ("Refused", "Retryable", "Permanent")
SQL_RAISE = re.compile(r"raise exception '([A-Z_]+)' using errcode = '(BP\d{3})'")
CLASSES = {"validation", "business_rule", "transient", "permanent", "security_sensitive"}


def raised() -> Iterator[tuple[str, str, str]]:
    """Where, with which class and which code the source makes an error; both codes of a conditional expression."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and part.value in CATALOGUE:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node.func.id, str(part.value)


def test_retryable_is_raised_with_transient_codes_and_nothing_else_is() -> None:
    found = list(raised())
    assert len(found) > 200, "the scan finds nothing"
    wrong = [
        f"{where} {kind} {code}"
        for where, kind, code in found
        if (kind == "Retryable") != (CATALOGUE[code].kind == "transient")
    ]
    assert wrong == []


def test_the_databases_own_errors_have_the_class_of_their_row() -> None:
    texts = [
        p.read_text(encoding="utf-8") for p in (ROOT / "shared/adapters/postgres/migrations/versions").glob("*.py")
    ]
    found = {pair for text in texts for pair in SQL_RAISE.findall(text)}
    assert len(found) > 5, "the scan finds nothing"
    for code, state in found:
        error = translate(database_error(code, state))
        assert error.code == code and isinstance(error, Retryable) == (CATALOGUE[code].kind == "transient"), code


def database_error(code: str, state: str) -> psycopg.Error:
    """What psycopg raises for one of our `raise exception` statements."""

    class Raised(psycopg.Error):
        sqlstate = state

        @property
        def diag(self) -> object:  # type: ignore[override]
            return type("Diag", (), {"message_primary": code})()

    return Raised()


@pytest.mark.parametrize("kind", [Refused, Retryable, Permanent])
def test_every_code_leaves_a_step_under_the_name_of_its_class(kind: type[Refused]) -> None:
    for code, row in CATALOGUE.items():
        assert row.kind in CLASSES and row.retryable == (row.kind == "transient"), code
        error = kind(code, "why", details={"a": 1})
        first, second = as_raised(error, 0), as_raised(error, 1)
        assert isinstance(first, Retryable) == (row.kind == "transient"), code
        assert isinstance(second, Retryable) == (row.kind == "transient" and code not in ONCE_CODES), code
        for seen in (first, second):
            assert (seen.code, str(seen), seen.details) == (code, "why", {"a": 1})
            assert seen is error or type(seen) in (Retryable, Permanent)
