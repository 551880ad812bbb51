"""Rows of people, projects, suppliers, bids and rule packs (spec D30-D32, D37-D41)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.errors import Refused


def _empty() -> dict[str, Any]:
    return {"schema_version": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A row of `users`: one person in one tenant (S14)."""

    user_id: str
    issuer: str
    subject: str
    email: str
    display_name: str
    locale: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A live row of `role_grants`; `project_id` is set when the scope is `project`."""

    role: str
    scope: str
    project_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """What a request needs to know of its tenant; `status` is judged by D110."""

    tenant_id: str
    code: str
    name: str
    status: str
    tier: str
    settings: dict[str, Any] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The tenant of a token and, when it knows the subject, the person with all live grants (S11)."""

    tenant: Tenant
    user: User | None
    grants: tuple[Grant, ...] = ()

    @property
    def tenant_status(self) -> str:
        """The life cycle state of D110."""
        return self.tenant.status

    @property
    def tenant_settings(self) -> dict[str, Any]:
        """The settings of 01 section 4.1 that differ from their defaults."""
        return self.tenant.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A row of `projects`; states and moves are in transitions.PROJECT."""

    project_id: str
    code: str
    name: str
    status: str
    size: str
    currency: str
    high_risk: bool = False
    rule_pack_id: str | None = None
    rule_pack_version: int | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    settings: dict[str, Any] = field(default_factory=_empty)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: str = ""
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A row of `suppliers`: a bidder of any number of projects."""

    supplier_id: str
    code: str
    name: str
    qualification: dict[str, Any] = field(default_factory=_empty)
    risk_flags: dict[str, Any] = field(default_factory=_empty)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """A row of `bids`: one supplier in one project; only `submitted` ones enter cohort formulas."""

    bid_id: str
    project_id: str
    supplier_id: str
    status: str
    submitted_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePackRow:
    """A row of `rule_packs`: the name of a set of criteria."""

    rule_pack_id: str
    code: str
    name: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePackVersion:
    """A row of `rule_pack_versions`; `payload` is the JSON of 05 section 2 and `content_hash` its digest."""

    rule_pack_id: str
    version: int
    status: str
    payload: dict[str, Any]
    content_hash: str
    lint: dict[str, Any] = field(default_factory=lambda: {"schema_version": 1, "findings": []})
    activated_at: datetime | None = None
    activated_by: str | None = None
    panel_size: int = 3
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: str = ""
    row_version: int = 1


def check_row_version(current: int, expected: int | None) -> None:
    """Raise REQ_PRECONDITION_FAILED unless the caller saw the current version; None means it did not say (A17)."""
    if expected is not None and expected != current:
        raise Refused("REQ_PRECONDITION_FAILED", details={"row_version": current})


def versioned(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """A JSON column with its schema version (D11)."""
    return {**(value or {}), "schema_version": 1}


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7396): null removes a member, objects merge, anything else replaces."""
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result
