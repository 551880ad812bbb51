"""What must hold before a stage is deployed, each item looked at and not ticked (spec O78).

`python -m infra.aws.checklist --stage staging` asks AWS as the operator; `--dry-run` prints what would be asked.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from infra.aws.bundle import ROOT
from infra.aws.catalogue import CATALOGUE
from infra.aws.rollback import Clients, RollbackRefused, every, releases, target
from infra.aws.stages import Stage, read_stage
from shared.adapters.aws_calls import ask, ask_unless, aws_client
from shared.adapters.system import SystemClock
from shared.domain.errors import CodedError
from shared.ports.platform import Clock

RPO = timedelta(minutes=15)  # O70
DAILY = timedelta(hours=26)  # the daily copy begins at 02:00 and may take its hours
UNRESERVED = 100  # what Lambda keeps for functions without a reservation, at least
REHEARSAL = ("tests/contract/test_migrations.py", "tests/unit/usecases/test_migrate_schema.py")
MINUTES = 10

State = Literal["ok", "no", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`unknown`: it could not be looked at from here, which is said and is no `ok`."""

    state: State
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the items look with. `client` makes a client of a service in the stage's region; `is_new`: the stage does
    not exist yet."""

    stage: Stage
    client: Callable[[str], Any]
    clock: Clock
    is_new: bool

    @property
    def prefix(self) -> str:
        """What all names of the stage begin with."""
        return f"bidproof-{self.stage.name}-"


def look_at(stage: Stage, client: Callable[[str], Any], clock: Clock) -> Look:
    """Whether the stage is there already decides what can be asked."""
    found = ask_unless({"ValidationError"}, client("cloudformation").describe_stacks, StackName=_data(stage))
    return Look(stage=stage, client=client, clock=clock, is_new=found is None)


def account(look: Look) -> Finding:
    """Who deploys, and where to."""
    who = ask(look.client("sts").get_caller_identity)
    return Finding(state="ok", words=f"account {who['Account']} in {look.stage.region} as {who['Arn']}")


def stacks(look: Look) -> Finding:
    """No stack of the stage is being changed or stuck."""
    rows = every(look.client("cloudformation").describe_stacks, "Stacks", "NextToken", "NextToken")
    found = [row for row in rows if row["StackName"].startswith(look.prefix)]
    bad = [f"{row['StackName']} {row['StackStatus']}" for row in found if not _is_settled(row["StackStatus"])]
    return _finding(not bad, f"{len(found)} stacks are settled", ", ".join(bad))


def backups(look: Look) -> Finding:
    """The database can be restored to 15 minutes ago, and a copy of the last day is complete (O70)."""
    if look.is_new:
        return _first()
    now = look.clock.now()
    clusters = ask(look.client("rds").describe_db_clusters)["DBClusters"]
    mine = [row for row in clusters if str(row["DBClusterIdentifier"]).startswith(look.prefix)]
    late = [row["DBClusterIdentifier"] for row in mine if now - row["LatestRestorableTime"] > RPO]
    copies = ask(
        look.client("backup").list_recovery_points_by_backup_vault,
        BackupVaultName=look.prefix.rstrip("-"),
        ByCreatedAfter=now - DAILY,
    )["RecoveryPoints"]
    whole = [row for row in copies if row["Status"] == "COMPLETED"]
    holds = bool(mine) and not late and bool(whole)
    return _finding(
        holds,
        f"restorable within {RPO}, {len(whole)} copies of the last day",
        f"{len(mine)} clusters, {len(late)} of them older than {RPO}; {len(whole)} complete copies of the last day",
    )


def migrations(look: Look) -> Finding:
    """Up, down and up on a real PostgreSQL, now and with this checkout (O80)."""
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *REHEARSAL]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=MINUTES * 60, check=False)
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    return _finding(done.returncode == 0, f"rehearsed: {', '.join(REHEARSAL)}", last)


def alarms(look: Look) -> Finding:
    """None of the stage's alarms rings."""
    if look.is_new:
        return _first()
    call, asked = look.client("cloudwatch").describe_alarms, {"AlarmNamePrefix": look.prefix}
    rows: list[dict[str, Any]] = []
    for items, kind in (("MetricAlarms", "MetricAlarm"), ("CompositeAlarms", "CompositeAlarm")):
        rows += every(call, items, "NextToken", "NextToken", **asked, AlarmTypes=[kind])
    ringing = sorted(row["AlarmName"] for row in rows if row["StateValue"] == "ALARM")
    return _finding(bool(rows) and not ringing, f"{len(rows)} alarms, none rings", ", ".join(ringing) or "no alarms")


def on_call(look: Look) -> Finding:
    """Somebody is told: the address of the stage has confirmed that it takes alarms of severity P0."""
    address = look.stage.alarm_email
    if not address:
        where = "stages.toml names no alarm_email"
        return Finding(state="no" if look.stage.deletion_protection else "ok", words=where)
    if look.is_new:
        return _first()
    who = ask(look.client("sts").get_caller_identity)["Account"]
    topic = f"arn:aws:sns:{look.stage.region}:{who}:{look.prefix}p0"
    rows = ask(look.client("sns").list_subscriptions_by_topic, TopicArn=topic)["Subscriptions"]
    confirmed = [row["Endpoint"] for row in rows if row["SubscriptionArn"].startswith("arn:")]
    return _finding(address in confirmed, f"{address} has confirmed", f"{address} has not confirmed its subscription")


def rollback_target(look: Look) -> Finding:
    """What would be gone back to is still there (O44); the release that is live becomes it."""
    if look.is_new:
        return _first()
    made = {name: look.client(name) for name in ("lambda", "stepfunctions", "cloudformation")}
    clients = Clients(functions=made["lambda"], machines=made["stepfunctions"], stacks=made["cloudformation"])
    try:
        known = releases(clients, look.prefix)
        return Finding(state="ok", words=f"release {target(known, known[0] if known else 'none')} can be gone back to")
    except RollbackRefused as refused:
        return Finding(state="no", words=str(refused))


def quotas(look: Look) -> Finding:
    """Concurrent executions of the account: all reservations and what Lambda keeps back."""
    wanted = sum(row.concurrency or 0 for row in CATALOGUE.values()) + UNRESERVED
    allowed = ask(look.client("lambda").get_account_settings)["AccountLimit"]["ConcurrentExecutions"]
    words = f"{allowed} concurrent executions, {wanted} wanted"
    return _finding(allowed >= wanted, words, f"{words}: ask for more in Service Quotas (Lambda, L-B99A9384)")


def gates(look: Look) -> Finding:
    """The gates of the release row. It stands in the database, which nobody reaches from outside of the network."""
    if not look.stage.deletion_protection:
        return Finding(state="ok", words="a stage without data that counts needs no admission")
    return Finding(state="unknown", words="read it in the stage: roll_out_release shifts nothing that is not admitted")


def container(look: Look) -> Finding:
    """The parser's image is built where the stage is deployed from."""
    if shutil.which("docker") is None:
        return Finding(state="no", words="there is no docker command")
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    return _finding(done.returncode == 0, "docker answers", "the docker daemon does not answer")


def cost(look: Look) -> Finding:
    """What the stage costs when nobody uses it, and what the smoke test of a deployment adds."""
    from infra.aws.cost import stage_cost, synthesised
    from infra.aws.prices import read_prices

    prices = read_prices()
    idle, _, pages, deploy = stage_cost(look.stage.name, synthesised(look.stage.name), prices).sums(prices)
    words = f"USD {idle:,.0f} a month idle, {pages:.2f} per 1,000 pages, {deploy:.3f} for this deployment"
    return Finding(state="ok", words=words)


ITEMS: tuple[Callable[[Look], Finding], ...] = (
    account,
    stacks,
    container,
    backups,
    migrations,
    alarms,
    on_call,
    rollback_target,
    quotas,
    gates,
    cost,
)


def findings(look: Look, items: tuple[Callable[[Look], Finding], ...] = ITEMS) -> Iterator[tuple[str, Finding]]:
    """(name, finding) of each item; one that AWS does not answer is `unknown`."""
    for item in items:
        try:
            yield item.__name__, item(look)
        except CodedError as error:
            yield item.__name__, Finding(state="unknown", words=str(error))


def _finding(holds: bool, good: str, bad: str) -> Finding:
    return Finding(state="ok", words=good) if holds else Finding(state="no", words=bad)


def _first() -> Finding:
    return Finding(state="ok", words="the stage does not exist yet")


def _data(stage: Stage) -> str:
    return f"bidproof-{stage.name}-data"


def _is_settled(status: str) -> bool:
    return status.endswith("_COMPLETE") and status not in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")


def main(arguments: list[str] | None = None) -> int:
    """Print every finding; 1 when an item is not ok and was not accepted by name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--dry-run", action="store_true", help="print what would be asked")
    parser.add_argument("--accept", action="append", default=[], help="an item that may be other than ok, by its name")
    given = parser.parse_args(arguments)
    stage = read_stage(given.stage)
    if given.dry_run:
        for item in ITEMS:
            print(f"  {item.__name__:<16} {(item.__doc__ or '').splitlines()[0]}")
        return 0
    try:
        look = look_at(stage, lambda service: aws_client(service, region=stage.region), SystemClock())
    except CodedError as error:
        print(f"not deployed: {error}", file=sys.stderr)
        return 1
    bad = []
    for name, found in findings(look):
        accepted = found.state != "ok" and name in given.accept
        bad += [name] if found.state != "ok" and not accepted else []
        print(f"  {found.state:<8} {name:<16} {found.words}{' (accepted)' if accepted else ''}", flush=True)
    if bad:
        print(f"not deployed: {', '.join(bad)}; fix it, or name it with ACCEPT=", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
