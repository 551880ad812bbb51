"""`make demo` at a terminal of 80 columns: cells on request, decisions by a person, and user errors in one line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.demo import Unusable, decider, own_project
from tests.workflow.terminal import CHECKOUT, COLUMNS, PATIENCE, Terminal
from tests.workflow.up_process import write_pack

NORTHWIND = """1 Bid for shelving

Bidder: Northwind Archive Systems Ltd.

2 Certificates

A certificate of our quality management according to ISO 9001 is enclosed.

3 Method of assembly

The shelving [see annex/2] is assembled on site by our own staff, bay by bay, in five steps.
"""
AQUA = """Bid of Aqua

A certificate of our quality management according to ISO 9001 is enclosed.

Our shelving is delivered and assembled on site by subcontractors in two steps.
"""
REFUSED = "refused: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rule pack, and two bidders of whom one has sent a spreadsheet too."""
    root = tmp_path_factory.mktemp("own")
    (root / "docs" / "Northwind").mkdir(parents=True)
    (root / "docs" / "Northwind" / "bid.txt").write_text(NORTHWIND)
    (root / "docs" / "Northwind" / "prices.xlsx").write_bytes(b"PK\x03\x04")
    (root / "docs" / "Aqua [GmbH].txt").write_text(AQUA)
    write_pack(root / "rules.json")
    return root


def arguments(folder: Path) -> list[str]:
    return ["--docs", str(folder / "docs"), "--rules", str(folder / "rules.json")]


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    """The demo on the small project; all tests share its data folder."""
    started = Terminal("infra.local.demo", arguments(folder), {"DATA_DIR": str(folder / "data")})
    yield started
    started.close()


def reports(folder: Path) -> dict[str, Path]:
    """Report files by bidder and kind."""
    return {path.name: path for path in (folder / "data" / "demo" / "reports").glob("*/own/*")}


def test_a_person_looks_at_cells_decides_and_gets_reports(folder: Path, terminal: Terminal) -> None:
    shown = terminal.answer("cell", "2 m-1")
    assert "left out: Northwind: prices.xlsx: INPUT_UNSUPPORTED_FORMAT" in shown
    assert "J-1: MODEL_UNAVAILABLE" in shown
    cell = terminal.answer("cell", "7 M-1")
    assert '"A certificate of our quality management according to ISO 9001 is' in cell
    assert re.search(r"bid\.txt, section 2, .*view 1, box \(\d+\.\d, \d+\.\d, \d+\.\d, \d+\.\d\)", cell)
    assert "a number from 1 to 2" in terminal.answer("cell", "")

    terminal.answer("Northwind: what now?", "maybe")
    terminal.expect("maybe is none of decide, approve, reject, later")
    terminal.answer("Northwind: what now?", "decide")
    assert "[see annex/2]" in terminal.answer("outcome", "part")
    terminal.answer("score from 0 to 100, in steps of 0.5", "many")
    terminal.answer("reason", "Five steps are named, none is described.")
    terminal.answer("passage to cite", "seven steps")
    terminal.expect("no passage has the number or the words 'seven steps'")
    terminal.answer("passage to cite", "in five steps")
    terminal.answer("comment", "")
    terminal.expect(f"{REFUSED}REQ_VALIDATION_FAILED")
    terminal.answer("outcome", "")  # Enter takes what was typed before
    terminal.answer("[many]:", "100.3")
    terminal.answer("[Five steps are named, none is described.]:", "")
    terminal.answer("[in five steps]:", "")
    terminal.answer("comment", "")
    assert "max_score: 100" in terminal.answer("[partial]:", "")
    terminal.answer("[100.3]:", "62.5")
    terminal.answer("[Five steps are named, none is described.]:", "")
    terminal.answer("[in five steps]:", "")
    terminal.answer("comment", "Read with care.")

    terminal.answer("Aqua [GmbH]: what now?", "later")
    terminal.expect("Aqua [GmbH] keeps waiting")
    terminal.expect("62.5/100")
    terminal.expect("2 report files in")
    assert terminal.finish() == 0
    (bar,) = set(re.findall(r"Northwind: bid\.txt +━{20} 100% succeeded +\d:\d\d:\d\d", terminal.shown)[:1])
    assert len(bar) < COLUMNS
    found = reports(folder)
    assert sorted(found) == ["Northwind.json", "Northwind.pdf"]
    assert found["Northwind.pdf"].read_bytes().startswith(b"%PDF-")
    text = json.dumps(json.loads(found["Northwind.json"].read_text()), ensure_ascii=False)
    for said in ("62.5", "Read with care.", "Five steps are named", "in five steps"):
        assert said in text


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "end of input"])
def test_who_stops_at_a_question_loses_nothing(folder: Path, terminal: Terminal, key: bytes) -> None:
    terminal.answer("cell", "")
    terminal.expect("what now?")
    terminal.press(key)
    terminal.expect("Stopped. Nothing is lost: evaluations that wait for a person keep waiting")
    assert terminal.finish() == 130
    assert "Traceback" not in terminal.shown


def test_who_stops_while_files_are_read_gets_no_traceback(terminal: Terminal) -> None:
    terminal.expect("Reading the documents")
    terminal.press(b"\x03")
    terminal.expect("Stopped.")
    assert terminal.finish() == 130
    assert "Traceback" not in terminal.shown


def run(folder: Path, *given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The demo without a terminal."""
    hidden = ("DATABASE_URL", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, "-m", "infra.local.demo", *given],
        cwd=CHECKOUT,
        env=kept | {"DATA_DIR": str(folder / "data")} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_a_terminal_each_finished_job_is_one_line(folder: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "Northwind.txt").write_text(NORTHWIND)
    (docs / "Broken.pdf").write_bytes(b"%PDF-1.7\n" + b"noise " * 500)
    done = run(folder, "--docs", str(docs), "--rules", str(folder / "rules.json"))
    lines = done.stdout.splitlines()
    assert len([line for line in lines if re.match(r"  Northwind\.txt: succeeded, \d+ s$", line)]) == 1, done.stdout
    assert len([line for line in lines if re.match(r"  Broken\.pdf: failed, \d+ s$", line)]) == 1
    assert "left out: Broken.pdf: DOC_PARSE_PDF_CORRUPT" in done.stdout
    assert "left out: Broken: BID_INCOMPLETE" in done.stdout
    assert "1 evaluations wait for a person; there is no terminal and no ANSWERS=file." in done.stdout
    assert "━" not in done.stdout.split("┏")[0]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_user_error_is_one_line_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    done = run(folder, "--docs", str(missing), "--rules", str(folder / "rules.json"))
    assert done.stdout == f"make demo: DOCS={missing}: there is no such folder\n"
    assert (done.returncode, done.stderr) == (2, "")


def test_an_invalid_rule_pack_is_told_with_code_and_path(folder: Path, tmp_path: Path) -> None:
    pack = json.loads((folder / "rules.json").read_text())
    pack["criteria"][0]["max_score"] = "much"
    (tmp_path / "rules.json").write_text(json.dumps(pack))
    done = run(folder, "--docs", str(folder / "docs"), "--rules", str(tmp_path / "rules.json"))
    told = [line for line in done.stdout.splitlines() if line.startswith("make demo: ")]
    assert told == [done.stdout.strip()]
    assert "RULE_PACK_INVALID: The rule pack is not valid (path: $.criteria[0].max_score" in told[0]
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize(
    ("docs", "rules", "told"),
    [
        ("missing", "{}", "there is no such folder"),
        ("empty", '{"code": "A", "name": {}, "language": "en", "criteria": []}', "no bidder in"),
        ("docs", "{", "not JSON"),
        ("docs", "[]", "not a rule pack"),
        ("docs", '{"code": "A"}', "not a rule pack"),
        ("docs", '{"code": "A", "name": "A", "language": "en", "criteria": []}', "$.name must be an object"),
        ("docs", None, "No such file"),
    ],
)
def test_folders_and_rules_that_cannot_be_used_say_why(
    folder: Path, tmp_path: Path, docs: str, rules: str | None, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    path = tmp_path / "rules.json"
    if rules is not None:
        path.write_text(rules)
    with pytest.raises(Unusable, match=re.escape(told)):
        own_project(folder / "docs" if docs == "docs" else tmp_path / docs, path)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), ("{", "not JSON"), ('{"decisions": [{}]}', "no list of decisions")]
)
def test_answers_that_cannot_be_read_say_why(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "answers.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=told):
        decider(path)
