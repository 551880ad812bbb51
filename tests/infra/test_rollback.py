"""`make rollback` moves every alias of a stage back to one release, state machines first, and once is enough."""

import pytest

from infra.aws import rollback
from infra.aws.rollback import Clients, RollbackRefused, carry_out, plan, releases, target
from tests.infra.rolled_stage import RELEASES, rolled_stage
from tests.moto_server import lost_client

OLD, NEW = RELEASES


def test_all_aliases_go_back_together_with_the_state_machine_first_and_the_api_before_consumers() -> None:
    stage = rolled_stage()
    known = releases(stage.clients, stage.prefix)
    assert known == [NEW, OLD]
    moves = plan(stage.clients, stage.prefix, target(known))
    order = [move.name.removeprefix(stage.prefix) for move in moves]
    assert order == ["evaluate_bid", "api", "start_work", "claim_job", "check_release"]
    assert carry_out(stage.clients, moves) == []
    assert [stage.version(name) for name in ("api", "start_work", "claim_job")] == ["1", "1", "1"]
    [(arn, weight)] = stage.machines.routes[f"{stage.prefix}evaluate_bid"]
    assert (arn.rpartition(":")[2], weight) == ("1", 100)


def test_a_function_that_the_older_release_has_no_version_of_stays_and_is_named() -> None:
    stage = rolled_stage()
    moves = plan(stage.clients, stage.prefix, OLD)
    assert str(moves[-1]).endswith("check_release: stays at 1, the release has no version of it")
    carry_out(stage.clients, moves)
    assert stage.version("check_release") == "1"


def test_a_second_rollback_moves_nothing_because_the_target_is_the_one_before_the_newest() -> None:
    stage = rolled_stage()
    carry_out(stage.clients, plan(stage.clients, stage.prefix, target(releases(stage.clients, stage.prefix))))
    again = target(releases(stage.clients, stage.prefix))
    assert again == OLD
    assert [move.after for move in plan(stage.clients, stage.prefix, again)] == [None]


def test_a_canary_under_way_is_taken_back_and_its_weight_is_gone() -> None:
    stage = rolled_stage()
    one = {"FunctionName": f"{stage.prefix}api", "Name": "live"}
    stage.clients.functions.update_alias(
        **one, FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}
    )
    machine = f"{stage.prefix}evaluate_bid"
    (old, _), (new, _) = stage.machines.versions[machine]
    stage.machines.routes[machine] = [(old, 90), (new, 10)]
    moves = plan(stage.clients, stage.prefix, OLD)
    assert [move.before for move in moves[:2]] == [f"{old} 90 % + {new} 10 %", "1 + 2 10%"]
    assert carry_out(stage.clients, moves) == []
    assert stage.version("api") == "1"
    assert stage.machines.routes[machine] == [(old, 100)]


def test_a_named_release_goes_forward_again() -> None:
    stage = rolled_stage()
    carry_out(stage.clients, plan(stage.clients, stage.prefix, OLD))
    carry_out(stage.clients, plan(stage.clients, stage.prefix, target([NEW, OLD], NEW)))
    assert [stage.version(name) for name in ("api", "start_work", "claim_job")] == ["2", "2", "2"]


def test_without_an_older_release_or_with_one_that_is_not_kept_nothing_is_planned() -> None:
    with pytest.raises(RollbackRefused, match="no release before"):
        target([NEW])
    with pytest.raises(RollbackRefused, match="among the last 3: d, c, b"):
        target(["d", "c", "b", "a"], "a")


def test_a_stage_that_cloudformation_works_on_is_left_alone() -> None:
    stage = rolled_stage("UPDATE_IN_PROGRESS")
    with pytest.raises(RollbackRefused, match="cancel-update-stack"):
        plan(stage.clients, stage.prefix, OLD)
    assert stage.version("api") == "2"


def test_without_rights_nothing_is_moved_and_the_reason_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = {name: lost_client(name) for name in ("lambda", "stepfunctions", "cloudformation")}
    clients = Clients(functions=silent["lambda"], machines=silent["stepfunctions"], stacks=silent["cloudformation"])
    monkeypatch.setattr(rollback, "connect", lambda region: clients)
    assert rollback.main(["--stage", "dev"]) == 2
    assert capsys.readouterr().err.startswith("nothing was moved: AWS was not reached")


def test_a_rollback_that_is_cut_off_says_so_and_the_next_one_finishes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = rolled_stage()
    half = Clients(functions=lost_client("lambda"), machines=stage.clients.machines, stacks=stage.clients.stacks)
    monkeypatch.setattr(rollback, "connect", lambda region: half)
    monkeypatch.setattr(rollback, "releases", lambda clients, prefix: [NEW, OLD])
    monkeypatch.setattr(rollback, "plan", lambda clients, prefix, release: plan(stage.clients, stage.prefix, release))
    assert rollback.main(["--stage", "dev"]) == 1
    assert "say it again" in capsys.readouterr().err
    assert (stage.machines.moved, stage.version("api")) == ([f"{stage.prefix}evaluate_bid"], "2")
    assert carry_out(stage.clients, plan(stage.clients, stage.prefix, OLD)) == []
    assert (stage.machines.moved, stage.version("api")) == ([f"{stage.prefix}evaluate_bid"], "1")


def test_the_command_prints_what_it_did_and_a_dry_run_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = rolled_stage()
    monkeypatch.setattr(rollback, "connect", lambda region: stage.clients)
    monkeypatch.setattr(rollback, "releases", lambda clients, prefix: releases(clients, stage.prefix))
    monkeypatch.setattr(rollback, "plan", lambda clients, prefix, release: plan(clients, stage.prefix, release))
    assert rollback.main(["--stage", "dev", "--dry-run"]) == 0
    assert stage.version("api") == "2"
    assert rollback.main(["--stage", "dev"]) == 0
    printed = capsys.readouterr().out
    assert f"dev: back to release {OLD}; newest is {NEW}" in printed
    assert f"function {stage.prefix}api: 2 -> 1" in printed
    assert stage.version("api") == "1"
    assert rollback.main(["--stage", "dev", "--to", "unknown"]) == 2
    assert "nothing was moved" in capsys.readouterr().err
