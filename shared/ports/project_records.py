"""People, projects, suppliers, bids and rule packs of one tenant."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.criteria import Criterion
from shared.domain.project_rows import Bid, Identity, Project, RulePackRow, RulePackVersion, Supplier


class Users(Protocol):
    """People and their grants; the tenant's own row."""

    def identity(self, issuer: str, subject: str) -> Identity | None:
        """Tenant, person and live grants in one query; None when the tenant does not exist. `user` is None for a
        subject this tenant does not know."""
        ...

    def tenant_settings(self) -> dict[str, Any]:
        """The tenant's settings with the defaults of 01 section 4.1 filled in."""
        ...


class Projects(Protocol):
    """Tenders."""

    def add(self, project: Project) -> Project:
        """Insert; raises Refused CODE_TAKEN."""
        ...

    def get(self, project_id: str, *, lock: bool = False) -> Project:
        """The project; raises Refused PROJECT_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Project]:
        """Newest first, ids below `before`; filters by status and code."""
        ...

    def save(self, project: Project) -> Project:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT when it changed meanwhile."""
        ...


class Suppliers(Protocol):
    """Bidders."""

    def add(self, supplier: Supplier) -> Supplier:
        """Insert; raises Refused CODE_TAKEN."""
        ...

    def get(self, supplier_id: str, *, lock: bool = False) -> Supplier:
        """The supplier; raises Refused SUPPLIER_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Supplier]:
        """Newest first, ids below `before`; filters by code and name (exact)."""
        ...

    def save(self, supplier: Supplier) -> Supplier:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        ...


class Bids(Protocol):
    """Who takes part in which project."""

    def add(self, bid: Bid) -> Bid:
        """Insert; raises Refused CODE_TAKEN when the supplier takes part already."""
        ...

    def register_if_missing(self, project_id: str, supplier_id: str, *, bid_id: str) -> Bid:
        """The supplier's bid, inserted as `submitted` under this id when missing; an `invited` one becomes
        `submitted`, other states stay."""
        ...

    def get(self, bid_id: str, *, lock: bool = False) -> Bid:
        """The bid; raises Refused BID_NOT_FOUND."""
        ...

    def find(self, project_id: str, supplier_id: str) -> Bid | None:
        """The supplier's bid in the project, if any."""
        ...

    def by_project(self, project_id: str) -> list[Bid]:
        """All bids of the project, oldest first."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Bid]:
        """Newest first, ids below `before`; filters by project_id and status."""
        ...

    def save(self, bid: Bid) -> Bid:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        ...


class RulePacks(Protocol):
    """Rule packs, their versions and criteria."""

    def add(self, pack: RulePackRow) -> RulePackRow:
        """Insert; raises Refused CODE_TAKEN."""
        ...

    def get(self, rule_pack_id: str, *, lock: bool = False) -> RulePackRow:
        """The pack; raises Refused RULE_PACK_NOT_FOUND."""
        ...

    def save(self, pack: RulePackRow) -> RulePackRow:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        ...

    def versions(self, rule_pack_id: str) -> list[RulePackVersion]:
        """All versions, oldest first."""
        ...

    def version(self, rule_pack_id: str, version: int, *, lock: bool = False) -> RulePackVersion:
        """One version; raises Refused RULE_PACK_NOT_FOUND."""
        ...

    def add_version(self, version: RulePackVersion, criteria: Sequence[Criterion]) -> RulePackVersion:
        """Insert a version with its criteria; raises Refused VERSION_CONFLICT when the number is taken."""
        ...

    def save_version(self, version: RulePackVersion, criteria: Sequence[Criterion] | None = None) -> RulePackVersion:
        """Store the changed row; criteria given replace those of the draft. Raises Refused VERSION_CONFLICT, and
        RULE_PACK_LOCKED when payload changes outside `draft`."""
        ...

    def criteria(self, rule_pack_id: str, version: int) -> list[Criterion]:
        """The criteria in the order of the pack."""
        ...

    def was_edited_by(self, rule_pack_id: str, version: int, actor_id: str) -> bool:
        """Whether the audit log names the person as writer of the version's content (E11)."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[RulePackRow]:
        """Newest first, ids below `before`; filter by code."""
        ...
