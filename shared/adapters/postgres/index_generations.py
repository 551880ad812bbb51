"""Generations of a tenant's index and what they must hold (spec D53, R57)."""

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.index_generations import KEPT_DAYS, Generation, Subject

_LOCK = "hashtextextended('index|' || current_setting('app.tenant_id'), 0)"
_READ = "select index_generation as number, state, embedding_profile_id as profile_id, checked_to"
# The newest run that the searched generation knows of a document; of one that is indexed, its own.
_SUBJECTS = """
select d.document_id, coalesce(case when d.status = 'indexed' then d.parse_run_id end, w.parse_run_id) as parse_run_id,
    case when d.status <> 'indexed' then w.acked end as chunk_ids
  from documents d left join lateral (
    select i.parse_run_id,
        coalesce(array_agg(i.chunk_id order by i.chunk_id) filter (where i.status = 'acked'), '{}') as acked
      from index_writes i join index_generations g using (tenant_id, index_generation)
     where i.document_id = d.document_id and g.state = 'active'
     group by i.parse_run_id order by max(i.created_at) desc limit 1) w on true
 where d.deleted_at is null and coalesce(case when d.status = 'indexed' then d.parse_run_id end, w.parse_run_id) <> ''
   and (d.status in ('uploaded', 'parse_queued', 'parsing', 'parsed', 'indexing', 'indexed')
     or exists (select from jobs j where j.resource_id = d.document_id
       and j.status not in ('succeeded', 'failed', 'canceled')))"""


class GenerationContents:
    """The GenerationContents port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def subjects(self, *, after: str, limit: int) -> list[Subject]:
        """Live documents with something in the index after this id."""
        rows = self._session.rows(
            f"{_SUBJECTS} and d.document_id > %(after)s order by d.document_id limit %(limit)s",
            after=after,
            limit=limit,
        )
        return [
            Subject(
                document_id=row["document_id"],
                parse_run_id=row["parse_run_id"],
                chunk_ids=None if row["chunk_ids"] is None else tuple(row["chunk_ids"]),
            )
            for row in rows
        ]

    def subject(self, document_id: str) -> Subject | None:
        """The same for one document."""
        row = self._session.row(f"{_SUBJECTS} and d.document_id = %(id)s", id=document_id)
        if row is None:
            return None
        kept = row["chunk_ids"]
        return Subject(
            document_id=document_id,
            parse_run_id=row["parse_run_id"],
            chunk_ids=None if kept is None else tuple(kept),
        )

    def sample(self, generation: int, *, limit: int) -> list[str]:
        """Ids of acknowledged chunks, drawn by the hash of their id."""
        rows = self._session.rows(
            """select chunk_id from index_writes where index_generation = %(generation)s and status = 'acked'
                order by md5(chunk_id), chunk_id limit %(limit)s""",
            generation=generation,
            limit=limit,
        )
        return [row["chunk_id"] for row in rows]

    def lagging(self, generation: int) -> list[str]:
        """Live documents of which the searched generation has acknowledged chunks that this one has not."""
        rows = self._session.rows(
            f"""select distinct s.document_id from ({_SUBJECTS}) s
                 join index_writes i using (document_id, parse_run_id)
                 join index_generations g using (tenant_id, index_generation)
                where g.state = 'active' and i.status = 'acked' and not exists (
                  select from index_writes n where n.parse_run_id = i.parse_run_id and n.chunk_id = i.chunk_id
                     and n.index_generation = %(generation)s and n.status = 'acked')
                order by s.document_id""",
            generation=generation,
        )
        return [row["document_id"] for row in rows]


class GenerationRows:
    """The GenerationRows port. Writers share a lock of the tenant; whoever begins or switches has it alone."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.contents = GenerationContents(session)

    def searched(self) -> int:
        """The generation that searches read; 1 before the first write."""
        row = self._session.row("select index_generation as number from index_generations where state = 'active'")
        return 1 if row is None else int(row["number"])

    def written(self) -> list[int]:
        """The generations that every write goes to, the searched one first; held until the transaction ends."""
        with self._session.transaction():
            self._session.rows(f"select pg_advisory_xact_lock_shared({_LOCK})")
            rows = self._session.rows(
                """select index_generation as number from index_generations
                    where state in ('active', 'building', 'kept') and embedding_profile_id =
                      (select embedding_profile_id from index_generations where state = 'active')
                    order by state <> 'active', index_generation"""
            )
        return [int(row["number"]) for row in rows]

    def hold(self) -> None:
        """Wait for all writers, and keep new ones waiting until the transaction ends."""
        self._session.rows(f"select pg_advisory_xact_lock({_LOCK})")

    def begin(self, profile_id: str, *, back: bool = False) -> Generation:
        """The generation being built, or else a new one; with `back` the kept one."""
        with self._session.transaction():
            self.hold()
            there = self.building()
            if there is not None and not back:
                return there
            kept = self._one("state = 'kept' order by index_generation desc limit 1") if back else None
            if back and (kept is None or there is not None):
                raise Refused("WF_STATE_TRANSITION_INVALID", "nothing is kept, or another generation is being built")
            if kept is not None:
                self._set(kept.number, "state = 'building', kept_until = null, checked_to = ''")
            else:
                self._session.execute(
                    """insert into index_generations (index_generation, embedding_profile_id, state)
                       select coalesce(max(index_generation), 0) + 1, %(profile)s, 'building' from index_generations""",
                    profile=profile_id,
                )
            made = self.building()
            assert made is not None
            return made

    def building(self) -> Generation | None:
        """The generation being built."""
        return self._one("state = 'building'")

    def note(self, generation: int, *, checked_to: str) -> None:
        """The generation holds what it must of the documents up to this id."""
        self._set(generation, "checked_to = %(to)s", to=checked_to)

    def switch(self, generation: int) -> None:
        """Search this one from now on, and keep the one before for seven days."""
        with self._session.transaction():
            self._session.execute(
                """update index_generations set state = 'kept', updated_at = clock_timestamp(),
                     kept_until = clock_timestamp() + %(days)s * interval '1 day' where state = 'active'""",
                days=KEPT_DAYS,
            )
            self._set(generation, "state = 'active'")

    def outdated(self) -> list[int]:
        """Generations kept long enough or given up, whose entries are still there."""
        rows = self._session.rows(
            """select index_generation as number from index_generations
                where state = 'kept' and kept_until <= clock_timestamp() or state = 'retired' and dropped_at is null
                order by index_generation"""
        )
        return [int(row["number"]) for row in rows]

    def retire(self, generation: int) -> None:
        """Write no more to a generation that is not searched."""
        with self._session.transaction():
            self.hold()
            self._set(generation, "state = 'retired', kept_until = null", only="and state <> 'active'")

    def dropped(self, generation: int) -> None:
        """Its entries are gone; what was acknowledged of it, too."""
        with self._session.transaction():
            self._session.execute(
                "update index_writes set status = 'pending' where index_generation = %(number)s and status = 'acked'",
                number=generation,
            )
            self._set(generation, "dropped_at = clock_timestamp()")

    def _one(self, where: str) -> Generation | None:
        return self._session.first(Generation, f"{_READ} from index_generations where {where}")

    def _set(self, generation: int, change: str, *, only: str = "", **params: object) -> None:
        self._session.execute(
            f"""update index_generations set {change}, updated_at = clock_timestamp()
                 where index_generation = %(number)s {only}""",
            number=generation,
            **params,
        )
