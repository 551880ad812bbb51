"""`make smoke STAGE=`: a bid evaluated on a deployed stage over HTTP, every step told with its time.

Address and tokens come from the environment (shared/settings.py, SmokeOptions), or from the outputs of the stage with
the credentials of the operator: the machine clients of the smoke tenant, by the client credentials grant. What is made
stays in that tenant, in a project that is archived.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.aws.stages import Stage, read_stage
from shared.adapters.aws_calls import ask, aws_client
from shared.adapters.machine_tokens import MachineTokens
from shared.adapters.release_http import HttpRelease
from shared.adapters.smoke_files import read_smoke_bid
from shared.adapters.system import SystemClock, SystemIds
from shared.domain.errors import CodedError
from shared.ports.release_under_test import SmokeRole
from shared.settings import SmokeOptions, read_settings
from shared.usecases.verify_release import VerifiedRelease, VerifyRelease, verify_release

MINUTES = 20


def smoke(
    url: str,
    token: Callable[[SmokeRole], str],
    *,
    label: str = "smoke",
    minutes: float = MINUTES,
    pause: Callable[[float], None] = time.sleep,
    show: Callable[[str], None] = print,
) -> VerifiedRelease:
    """Run the steps of verify_release against a URL; raises what it raises."""
    clock = SystemClock()
    began = clock.now()
    return verify_release(
        VerifyRelease(label=label),
        release=HttpRelease(url, token),
        smoke_bid=read_smoke_bid(),
        clock=clock,
        ids=SystemIds(clock),
        pause=pause,
        time_left=lambda: minutes * 60 - (clock.now() - began).total_seconds(),
        show_step=lambda name, seconds: show(f"{name:<12} {seconds:8.2f} s"),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Where to and as whom."""

    url: str
    token: Callable[[SmokeRole], str]


def target(options: SmokeOptions, stage: Stage, client: Callable[[str], Any]) -> Target:
    """What the options name, and for the rest the outputs of the stage; `client` makes a client of a service.

    Raises KeyError when a stage with another issuer than Cognito gets no tokens, and as aws_calls.ask does."""
    given = {"agent": options.agent_token, "evaluator": options.evaluator_token, "admin": options.admin_token}
    if options.url and all(given.values()):
        return Target(options.url, lambda role: given[role])
    rows = ask(client("cloudformation").describe_stacks, StackName=f"bidproof-{stage.name}-app")["Stacks"][0]["Outputs"]
    outputs = {row["OutputKey"]: row["OutputValue"] for row in rows}
    url = options.url or outputs["ApiUrl"]
    if all(given.values()):
        return Target(url, lambda role: given[role])
    machines = json.loads(outputs["SmokeMachines"])
    return Target(url, MachineTokens(client("cognito-idp"), **machines))


def main(arguments: list[str] | None = None) -> int:
    """Print every step; 1 when one failed, which is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    given = parser.parse_args(arguments)
    stage = read_stage(given.stage)
    try:
        to = target(read_settings(SmokeOptions), stage, lambda service: aws_client(service, region=stage.region))
        print(f"{stage.name}: {to.url}")
        done = smoke(to.url, to.token, minutes=given.minutes)
    except CodedError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    print(f"passed in {sum(done.seconds.values()):.1f} s: {done.citations} citations resolve, report {done.report_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
