"""`make rollback STAGE= [TO=]`: all aliases of a stage back to one release together (spec O40, O43, O44).

State machines first, so that no new execution starts on the newer release, then the API, consumers and the rest.
Executions that run end on the versions they began with. The database stays: a release works with the schema of the
next one. Said twice it changes nothing, because the target is the release before the newest, not before the live one.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.aws.catalogue import CATALOGUE
from infra.aws.functions import ALIAS
from infra.aws.stages import read_stage
from shared.adapters.aws_calls import ask, ask_unless, aws_client
from shared.domain.errors import CodedError

API = "api"
KEPT_RELEASES = 3  # O44
ORDER = ("http", "queue", "sign_in", "schedule", "step", "deployment")
_RELEASE = re.compile(r" of release (\S+)$")


class RollbackRefused(Exception):
    """The stage cannot be moved now; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An alias and the version it is pointed at; `after` None: the release has no version of it, so it stays."""

    kind: str
    name: str
    before: str
    after: str | None

    def __str__(self) -> str:
        if self.after is None:
            return f"{self.kind} {self.name}: stays at {self.before}, the release has no version of it"
        return f"{self.kind} {self.name}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Clients of aws_calls.aws_client for the stage's region."""

    functions: Any
    machines: Any
    stacks: Any


def connect(region: str) -> Clients:
    """As the operator: with the credentials of the environment."""
    made = {name: aws_client(name, region=region) for name in ("lambda", "stepfunctions", "cloudformation")}
    return Clients(functions=made["lambda"], machines=made["stepfunctions"], stacks=made["cloudformation"])


def releases(clients: Clients, prefix: str) -> list[str]:
    """The releases that the API has versions of, newest first."""
    found = [release for _, release in _versions(clients.functions, f"{prefix}{API}")]
    return list(dict.fromkeys(found))


def target(known: list[str], to: str = "") -> str:
    """The release to go back to; raises RollbackRefused when there is none or it is not kept any more."""
    if to and to not in known[:KEPT_RELEASES]:
        kept = ", ".join(known[:KEPT_RELEASES]) or "none"
        raise RollbackRefused(f"release {to} is not among the last {KEPT_RELEASES}: {kept}")
    if not to and len(known) < 2:
        raise RollbackRefused("there is no release before the one that is live")
    return to or known[1]


def plan(clients: Clients, prefix: str, release: str) -> list[Move]:
    """Every alias that does not point at the release alone, in the order in which they are moved.

    Raises RollbackRefused while CloudFormation works on the stage."""
    status = ask(clients.stacks.describe_stacks, StackName=f"{prefix}app")["Stacks"][0]["StackStatus"]
    if status.endswith("IN_PROGRESS"):
        raise RollbackRefused(f"{prefix}app is {status}: `aws cloudformation cancel-update-stack` takes it back")
    return [*_machine_moves(clients.machines, prefix, release), *_function_moves(clients.functions, prefix, release)]


def carry_out(clients: Clients, moves: list[Move]) -> list[Move]:
    """Point the aliases, one after the other, and look again; returns those that are not where they should be."""
    wrong = []
    for move in moves:
        if move.after is None:
            continue
        if move.kind == "machine":
            live = {"stateMachineVersionArn": move.after, "weight": 100}
            alias = f"{move.after.rpartition(':')[0]}:{ALIAS}"
            ask(clients.machines.update_state_machine_alias, stateMachineAliasArn=alias, routingConfiguration=[live])
            stands = _machine_routes(clients.machines, alias)
        else:
            weights: dict[str, Any] = {"AdditionalVersionWeights": {}}
            one = {"FunctionName": move.name, "Name": ALIAS}
            ask(clients.functions.update_alias, **one, FunctionVersion=move.after, RoutingConfig=weights)
            stands = _function_routes(clients.functions, move.name) or ""
        if stands != move.after:
            wrong.append(move)
    return wrong


def _machine_moves(client: Any, prefix: str, release: str) -> Iterator[Move]:
    for machine in every(client.list_state_machines, "stateMachines", "nextToken", "nextToken"):
        if not machine["name"].startswith(prefix):
            continue
        arn = machine["stateMachineArn"]
        before = _machine_routes(client, f"{arn}:{ALIAS}")
        after = next((found for found in _machine_versions(client, arn) if found[1] == release), (None, ""))[0]
        if before != after:
            yield Move(kind="machine", name=machine["name"], before=before, after=after)


def _machine_routes(client: Any, alias: str) -> str:
    """The version, or the versions with their weights while a change goes on."""
    routes = ask(client.describe_state_machine_alias, stateMachineAliasArn=alias)["routingConfiguration"]
    if len(routes) == 1:
        return str(routes[0]["stateMachineVersionArn"])
    return " + ".join(f"{route['stateMachineVersionArn']} {route['weight']} %" for route in routes)


def _machine_versions(client: Any, arn: str) -> Iterator[tuple[str, str]]:
    """(ARN of the version, its release), newest first; each is described only as long as somebody asks on."""
    asked = {"stateMachineArn": arn}
    for version in every(client.list_state_machine_versions, "stateMachineVersions", "nextToken", "nextToken", **asked):
        one = version["stateMachineVersionArn"]
        yield one, ask(client.describe_state_machine, stateMachineArn=one).get("description", "")


def _function_moves(client: Any, prefix: str, release: str) -> Iterator[Move]:
    names = [row["FunctionName"] for row in every(client.list_functions, "Functions", "Marker", "NextMarker")]
    for name in sorted((name for name in names if name.startswith(prefix)), key=lambda name: _place(name, prefix)):
        before = _function_routes(client, name)
        after = next((number for number, found in _versions(client, name) if found == release), None)
        if before is not None and before != after:
            yield Move(kind="function", name=name, before=before, after=after)


def _place(name: str, prefix: str) -> tuple[int, str]:
    """The API first; what this checkout does not know comes last."""
    row = CATALOGUE.get(name.removeprefix(prefix))
    return (ORDER.index(row.trigger.partition(":")[0]) if row else len(ORDER), name)


def _function_routes(client: Any, name: str) -> str | None:
    """The version, with the weight of a canary beside it; None without the alias."""
    alias = ask_unless({"ResourceNotFoundException"}, client.get_alias, FunctionName=name, Name=ALIAS)
    if alias is None:
        return None
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    beside = "".join(f" + {version} {weight:.0%}" for version, weight in sorted(weights.items()))
    return f"{alias['FunctionVersion']}{beside}"


def _versions(client: Any, name: str) -> list[tuple[str, str]]:
    """(number, release) of the versions of a function, newest first."""
    found = every(client.list_versions_by_function, "Versions", "Marker", "NextMarker", FunctionName=name)
    rows = [row for row in found if row["Version"].isdecimal()]
    rows.sort(key=lambda row: int(row["Version"]), reverse=True)
    named = [(row["Version"], _RELEASE.search(row.get("Description", ""))) for row in rows]
    return [(number, words[1]) for number, words in named if words]


def every(call: Any, items: str, token: str, next_token: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """All items of a list, page by page; raises as aws_calls.ask does."""
    more: dict[str, str] = {}
    while True:
        page = ask(call, **asked, **more)
        yield from page.get(items, ())
        if not page.get(next_token):
            return
        more = {token: page[next_token]}


def main(arguments: list[str] | None = None) -> int:
    """Print each alias with the version before and after; 1 when an alias did not move, 2 when nothing was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--to", default="", help=f"one of the last {KEPT_RELEASES} releases; else the one before")
    parser.add_argument("--dry-run", action="store_true", help="print the moves only")
    given = parser.parse_args(arguments)
    stage = read_stage(given.stage)
    clients, prefix = connect(stage.region), f"bidproof-{stage.name}-"
    try:
        known = releases(clients, prefix)
        release = target(known, given.to)
        moves = plan(clients, prefix, release)
    except (RollbackRefused, CodedError) as refused:
        print(f"nothing was moved: {refused}", file=sys.stderr)
        return 2
    print(f"{stage.name}: back to release {release}; newest is {known[0]}")
    for move in moves:
        print(f"  {move}")
    try:
        wrong = [] if given.dry_run else carry_out(clients, moves)
    except CodedError as error:
        print(f"stopped on the way, say it again: {error}", file=sys.stderr)
        return 1
    for move in wrong:
        print(f"not moved: {move}", file=sys.stderr)
    print("every alias stood there already" if not moves else "dry run, nothing was moved" if given.dry_run else "done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
