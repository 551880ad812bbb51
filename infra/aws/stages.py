"""The environments dev, staging and prod, read from one template and checked (spec O76)."""

import re
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("stages.toml")
CANARY_MINUTES = (0, 5, 10, 15, 30)  # what CodeDeploy offers for 10 % of the traffic of a function
# retention that CloudWatch Logs offers, days -> its name in CDK
LOG_DAYS = {7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH", 90: "THREE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR"}


class StageInvalid(ValueError):
    """The template does not describe the stage; the message names each variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The variables of one environment; what each means stands in stages.toml."""

    name: str
    region: str
    availability_zones: int
    nat_gateways: int
    database_min_acu: float
    database_max_acu: float
    database_readers: int
    search_instance: str
    search_nodes: int
    search_volume_gib: int
    deletion_protection: bool
    log_days: int
    api_rate: int
    api_burst: int
    max_running: int
    canary_minutes: int
    oidc_issuer: str
    oidc_audience: str
    console_origin: str
    console_certificate: str
    entra_tenant: str
    google_login: bool
    alarm_email: str
    backup_copy_vault: str
    monthly_budget: int


def read_stage(name: str, template: Mapping[str, Any] | None = None) -> Stage:
    """The stage of this name; raises StageInvalid for an unknown one, a missing variable, a wrong type or range.

    A variable that the template does not describe is warned of and left out."""
    text = template if template is not None else tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))
    if name not in stage_names(text):
        raise StageInvalid(f"there is no stage {name}; known: {', '.join(stage_names(text))}")
    described, given = text["variables"], dict(text[name])
    for unknown in sorted(given.keys() - described.keys()):
        warnings.warn(f"stage {name}: unknown variable {unknown}", stacklevel=2)
        del given[unknown]
    wanted = {row.name for row in fields(Stage)} - {"name"}
    missing = [f"{row} is missing" for row in sorted((wanted | described.keys()) - given.keys())]
    wrong = [
        f"{row} is no {described[row]['type']}" for row in given if type(given[row]).__name__ != described[row]["type"]
    ]
    if missing or wrong:
        raise StageInvalid(f"stage {name}: {'; '.join(missing + wrong)}")
    stage = Stage(name=name, **given)
    if problems := _out_of_range(stage):
        raise StageInvalid(f"stage {name}: {'; '.join(problems)}")
    return stage


def stage_names(template: Mapping[str, Any] | None = None) -> list[str]:
    """The stages of the template, in its order."""
    text = template if template is not None else tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))
    return [name for name in text if name != "variables"]


def _out_of_range(stage: Stage) -> list[str]:
    checks = {
        "availability_zones must be 2 or 3": stage.availability_zones in (2, 3),
        "nat_gateways must not be more than the zones": 0 <= stage.nat_gateways <= stage.availability_zones,
        "database_min_acu must be 0 to database_max_acu": 0 <= stage.database_min_acu <= stage.database_max_acu,
        "database_max_acu must be 1 to 256": 1 <= stage.database_max_acu <= 256,
        f"canary_minutes must be one of {CANARY_MINUTES}": stage.canary_minutes in CANARY_MINUTES,
        f"log_days must be one of {tuple(LOG_DAYS)}": stage.log_days in LOG_DAYS,
        "console_origin must be an origin over TLS, or of this machine": _is_origin(stage.console_origin),
        "console_certificate must be one of us-east-1, for an https console_origin": not stage.console_certificate
        or (
            stage.console_certificate.startswith("arn:aws:acm:us-east-1:")
            and stage.console_origin.startswith("https://")
        ),
        "monthly_budget must be at least 1": stage.monthly_budget >= 1,
        "search_nodes must be at least 1": stage.search_nodes >= 1,
        "prod needs deletion_protection and a canary": stage.name != "prod"
        or (stage.deletion_protection and stage.canary_minutes > 0),
    }
    return [words for words, holds in checks.items() if not holds]


def _is_origin(text: str) -> bool:
    """Empty, https://host[:port], or http://localhost[:port] for work on the console."""
    return not text or re.fullmatch(r"https://[a-z0-9.-]+(:\d+)?|http://localhost(:\d+)?", text) is not None
