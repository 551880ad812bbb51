"""Rule packs, versions and criteria."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.criteria import Criterion
from shared.domain.errors import Refused
from shared.domain.project_rows import RulePackRow, RulePackVersion

PACK = "rule_pack_id, code, name, created_at, updated_at, row_version"
VERSION = """rule_pack_id, version, status, payload, content_hash, lint, activated_at, activated_by, panel_size,
    created_at, updated_at, created_by, row_version"""
WRITING = ("rule_pack.version_created", "rule_pack.draft_saved")


class RulePacks:
    """The RulePacks port; the database refuses to change a version that left `draft` (E10)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, pack: RulePackRow) -> RulePackRow:
        """Insert; raises Refused CODE_TAKEN."""
        saved = self._session.first(
            RulePackRow,
            f"""insert into rule_packs (rule_pack_id, code, name) values (%(rule_pack_id)s, %(code)s, %(name)s)
                on conflict (tenant_id, code) do nothing returning {PACK}""",
            **asdict(pack),
        )
        if saved is None:
            raise Refused("CODE_TAKEN", details={"code": pack.code})
        return saved

    def get(self, rule_pack_id: str, *, lock: bool = False) -> RulePackRow:
        """The pack; raises Refused RULE_PACK_NOT_FOUND."""
        found = self._session.first(
            RulePackRow,
            f"select {PACK} from rule_packs where rule_pack_id = %(id)s {'for update' if lock else ''}",
            id=rule_pack_id,
        )
        if found is None:
            raise Refused("RULE_PACK_NOT_FOUND")
        return found

    def save(self, pack: RulePackRow) -> RulePackRow:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        saved = self._session.first(
            RulePackRow,
            f"""
            update rule_packs set name = %(name)s, updated_at = clock_timestamp(), row_version = row_version + 1,
                updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
             where rule_pack_id = %(rule_pack_id)s and row_version = %(row_version)s returning {PACK}""",
            **asdict(pack),
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved

    def versions(self, rule_pack_id: str) -> list[RulePackVersion]:
        """All versions, oldest first."""
        return self._session.all(
            RulePackVersion,
            f"select {VERSION} from rule_pack_versions where rule_pack_id = %(id)s order by version",
            id=rule_pack_id,
        )

    def version(self, rule_pack_id: str, version: int, *, lock: bool = False) -> RulePackVersion:
        """One version; raises Refused RULE_PACK_NOT_FOUND."""
        found = self._session.first(
            RulePackVersion,
            f"""select {VERSION} from rule_pack_versions where rule_pack_id = %(id)s and version = %(version)s
                {"for update" if lock else ""}""",
            id=rule_pack_id,
            version=version,
        )
        if found is None:
            raise Refused("RULE_PACK_NOT_FOUND")
        return found

    def add_version(self, version: RulePackVersion, criteria: Sequence[Criterion]) -> RulePackVersion:
        """Insert a version with its criteria; raises Refused VERSION_CONFLICT when the number is taken."""
        with self._session.transaction():
            saved = self._session.first(
                RulePackVersion,
                f"""
                insert into rule_pack_versions (rule_pack_id, version, status, payload, lint, content_hash, panel_size)
                values (%(rule_pack_id)s, %(version)s, %(status)s, %(payload)s, %(lint)s, %(content_hash)s,
                    %(panel_size)s)
                on conflict do nothing returning {VERSION}""",
                **{**asdict(version), "payload": Jsonb(version.payload), "lint": Jsonb(version.lint)},
            )
            if saved is None:
                raise Refused("VERSION_CONFLICT")
            self._insert(version, criteria)
        return saved

    def save_version(self, version: RulePackVersion, criteria: Sequence[Criterion] | None = None) -> RulePackVersion:
        """Store the changed row; criteria given replace those of the draft."""
        with self._session.transaction():
            saved = self._session.first(
                RulePackVersion,
                f"""
                update rule_pack_versions set status = %(status)s, payload = %(payload)s, lint = %(lint)s,
                    content_hash = %(content_hash)s, activated_at = %(activated_at)s,
                    activated_by = %(activated_by)s, panel_size = %(panel_size)s,
                    updated_at = clock_timestamp(), row_version = row_version + 1,
                    updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
                 where rule_pack_id = %(rule_pack_id)s and version = %(version)s and row_version = %(row_version)s
                returning {VERSION}""",
                **{**asdict(version), "payload": Jsonb(version.payload), "lint": Jsonb(version.lint)},
            )
            if saved is None:
                raise Refused("VERSION_CONFLICT")
            if criteria is not None:
                self._session.execute(
                    "delete from criteria where rule_pack_id = %(id)s and version = %(version)s",
                    id=version.rule_pack_id,
                    version=version.version,
                )
                self._insert(version, criteria)
        return saved

    def criteria(self, rule_pack_id: str, version: int) -> list[Criterion]:
        """The criteria in the order of the pack; scope and evidence bounds stand in the payload."""
        rows = self._session.rows(
            """
            select c.criterion_id, c.code, c.kind, c.ordinal, c.title, c.requirement, c.mandatory, c.max_score,
                c.weight, c.score_step, c.payload, p.code as parent_code
              from criteria c left join criteria p on p.tenant_id = c.tenant_id and p.criterion_id = c.parent_id
             where c.rule_pack_id = %(id)s and c.version = %(version)s order by c.ordinal""",
            id=rule_pack_id,
            version=version,
        )
        return [_criterion(row) for row in rows]

    def was_edited_by(self, rule_pack_id: str, version: int, actor_id: str) -> bool:
        """Whether the audit log names the person as writer of the version's content (E11)."""
        row = self._session.row(
            """
            select 1 from audit_log where resource_type = 'rule_pack_version' and resource_id = %(resource)s
               and actor_id = %(actor_id)s and action = any(%(actions)s) and result = 'done' limit 1""",
            resource=f"{rule_pack_id}/{version}",
            actor_id=actor_id,
            actions=list(WRITING),
        )
        return row is not None

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[RulePackRow]:
        """Newest first, ids below `before`; filter by code."""
        return self._session.all(
            RulePackRow,
            f"""
            select {PACK} from rule_packs
             where (%(before)s::text is null or rule_pack_id < %(before)s)
               and (%(code)s::text is null or code = %(code)s)
             order by rule_pack_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            code=filters.get("code"),
        )

    def _insert(self, version: RulePackVersion, criteria: Sequence[Criterion]) -> None:
        ids = {criterion.code: criterion.criterion_id for criterion in criteria}
        self._session.many(
            """
            insert into criteria (criterion_id, rule_pack_id, version, code, parent_id, kind, ordinal, title,
                requirement, mandatory, max_score, weight, score_step, payload)
            values (%(criterion_id)s, %(rule_pack_id)s, %(version)s, %(code)s, %(parent_id)s, %(kind)s, %(ordinal)s,
                %(title)s, %(requirement)s, %(mandatory)s, %(max_score)s, %(weight)s, %(score_step)s, %(payload)s)""",
            [
                {
                    **{name: getattr(criterion, name) for name in Criterion.__dataclass_fields__},
                    "rule_pack_id": version.rule_pack_id,
                    "version": version.version,
                    "parent_id": ids.get(criterion.parent_code or ""),
                    "title": Jsonb(criterion.title),
                    "payload": Jsonb(criterion.payload),
                }
                for criterion in _parents_first(criteria)
            ],
        )


def _parents_first(criteria: Sequence[Criterion]) -> list[Criterion]:
    """A parent's row must be there before its children's; the reader of packs has refused cycles."""
    by_code = {criterion.code: criterion for criterion in criteria}

    def depth(criterion: Criterion) -> int:
        parent = by_code.get(criterion.parent_code or "")
        return 0 if parent is None else 1 + depth(parent)

    return sorted(criteria, key=lambda criterion: (depth(criterion), criterion.ordinal))


def _criterion(row: dict[str, Any]) -> Criterion:
    payload = row["payload"]
    stated = {name: payload[name] for name in ("evidence_min", "evidence_max", "risk") if payload.get(name) is not None}
    if payload.get("doc_scope"):
        stated["doc_scope"] = tuple(payload["doc_scope"])
    return Criterion(**row, **stated)
