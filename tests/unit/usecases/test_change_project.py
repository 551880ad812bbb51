"""ChangeProject on a real database."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Refused
from shared.domain.project_rows import Project
from shared.usecases.change_project import STATES, ChangeProject, change_project
from shared.usecases.create_project import CreateProject, create_project
from tests.records import ids, make_records

WAYS = {"draft": [], "open": ["open"], "closed": ["open", "close"], "archived": ["open", "close", "archive"]}
ALLOWED = {("draft", "open"), ("open", "close"), ("closed", "reopen"), ("closed", "archive")}


def a_project(records: PostgresRecords, status: str = "draft") -> Project:
    made = create_project(CreateProject(code=ids.new("prj"), name="A", currency="EUR"), records=records, ids=ids)
    for action in WAYS[status]:
        made = change_project(ChangeProject(project_id=made.project_id, action=action), records=records)
    return made


@pytest.mark.parametrize(("status", "action"), list(product(WAYS, STATES)))
def test_only_the_listed_moves_are_allowed_and_others_change_nothing(
    databases: Databases, status: str, action: str
) -> None:
    records = make_records(databases)
    project = a_project(records, status)
    command = ChangeProject(project_id=project.project_id, action=action, reason="because")
    if (status, action) in ALLOWED:
        assert change_project(command, records=records).status == STATES[action]
        return
    with pytest.raises(Refused) as refused:
        change_project(command, records=records)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"
    assert records.projects.get(project.project_id) == project


def test_a_patch_changes_what_it_names_and_merges_settings(databases: Databases) -> None:
    records = make_records(databases)
    project = a_project(records)
    for patch in ({"settings": {"a": {"x": 1, "y": 2}}}, {"settings": {"a": {"x": None}}, "name": "B"}):
        change_project(ChangeProject(project_id=project.project_id, action="patch", patch=patch), records=records)
    saved = records.projects.get(project.project_id)
    assert (saved.name, saved.currency, saved.row_version) == ("B", "EUR", 3)
    assert saved.settings == {"a": {"y": 2}, "schema_version": 1}


def test_a_stale_version_is_refused_with_the_current_one(databases: Databases) -> None:
    records = make_records(databases)
    project = a_project(records)
    command = ChangeProject(project_id=project.project_id, action="patch", patch={"name": "B"}, expected_row_version=7)
    with pytest.raises(Refused) as refused:
        change_project(command, records=records)
    assert (refused.value.code, refused.value.details) == ("REQ_PRECONDITION_FAILED", {"row_version": 1})


def test_an_archived_project_and_an_unknown_field_are_refused(databases: Databases) -> None:
    records = make_records(databases)
    for status, patch, code in (
        ("archived", {"name": "B"}, "PROJECT_CLOSED"),
        ("draft", {"code": "B"}, "REQ_VALIDATION_FAILED"),
    ):
        command = ChangeProject(project_id=a_project(records, status).project_id, action="patch", patch=patch)
        with pytest.raises(Refused) as refused:
            change_project(command, records=records)
        assert refused.value.code == code


def test_of_racing_writers_each_success_adds_one_version(databases: Databases) -> None:
    records = make_records(databases)
    project = a_project(records)

    def write(number: int) -> bool:
        mine = make_records(databases, records.actor.tenant_id)
        command = ChangeProject(
            project_id=project.project_id, action="patch", patch={"name": f"N{number}"}, expected_row_version=1
        )
        try:
            change_project(command, records=mine)
        except Refused as refused:
            assert refused.code == "REQ_PRECONDITION_FAILED"
            return False
        return True

    with ThreadPoolExecutor(10) as threads:
        wins = sum(threads.map(write, range(20)))
    assert wins == 1 and records.projects.get(project.project_id).row_version == 2
