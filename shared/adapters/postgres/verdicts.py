"""Verdict revisions and their citations (spec D62, D63); the database refuses what is not evidence (D17)."""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.blocks import Box
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import CitationSource
from shared.domain.evidence import Citation, Claim, ReviewReason, Verdict

CONTEXT = 200


class Verdicts:
    """The Verdicts port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, evaluation_id: str, verdict: Verdict) -> None:
        """Insert a revision with its citations; they need ids.

        Raises Permanent VERDICT_WITHOUT_EVIDENCE or CITATION_QUOTE_MISMATCH (the database refuses, D17)."""
        with self._session.transaction():
            self._session.execute(
                """
                insert into verdicts (verdict_id, evaluation_id, criterion_id, revision, source, outcome, score_state,
                    score, max_score, weight, reason, claims, unsupported_claims, confidence, confidence_parts,
                    review_reasons, pack_id, search_log_id, decision_id, versions, input_hash, expert_only, supersedes)
                values (%(verdict_id)s, %(evaluation_id)s, %(criterion_id)s, %(revision)s, %(source)s, %(outcome)s,
                    %(score_state)s, %(score)s, %(max_score)s, %(weight)s, %(reason)s, %(claims)s, %(unsupported)s,
                    %(confidence)s, %(confidence_parts)s, %(review_reasons)s, %(pack_id)s, %(search_log_id)s,
                    %(decision_id)s, %(versions)s, %(input_hash)s, %(expert_only)s, %(supersedes)s)""",
                **_verdict_row(evaluation_id, verdict),
            )
            self._session.many(
                """
                insert into citations (citation_id, verdict_id, claim_no, parse_run_id, chunk_id, document_id, page_no,
                    x0, y0, x1, y1, boxes, char_start, char_end, locator, quote, quote_hash, is_primary, match)
                values (%(citation_id)s, %(verdict_id)s, %(claim_no)s, %(parse_run_id)s, %(chunk_id)s, %(document_id)s,
                    %(page)s, %(x0)s, %(y0)s, %(x1)s, %(y1)s, %(boxes)s, %(start)s, %(end)s, %(locator)s, %(quote)s,
                    %(quote_hash)s, %(is_primary)s, %(match)s)""",
                [_citation_row(verdict, no, c) for no, claim in enumerate(verdict.claims) for c in claim.citations],
            )

    def current(self, evaluation_id: str) -> list[Verdict]:
        """The newest revision of every criterion, with claims and citations."""
        return self._verdicts(
            """select distinct on (criterion_id) * from verdicts where evaluation_id = %(id)s
               order by criterion_id, revision desc""",
            id=evaluation_id,
        )

    def revisions(self, evaluation_id: str, criterion_id: str, *, lock: bool = False) -> list[Verdict]:
        """All revisions of one criterion, oldest first; `lock` keeps others from adding one until the commit."""
        if lock:
            self._session.execute(
                """select from criterion_runs where evaluation_id = %(id)s and criterion_id = %(criterion_id)s
                   for update""",
                id=evaluation_id,
                criterion_id=criterion_id,
            )
        return self._verdicts(
            """select * from verdicts where evaluation_id = %(id)s and criterion_id = %(criterion_id)s
               order by revision""",
            id=evaluation_id,
            criterion_id=criterion_id,
        )

    def citation(self, citation_id: str) -> CitationSource:
        """The citation with what one needs to show its source (A71); raises Refused CITATION_NOT_FOUND."""
        found = self._session.row(
            f"""
            select c.*, d.filename, p.width_pt, p.height_pt, coalesce(p.kind, 'physical') as page_kind,
              substr(k.text, greatest(1, c.char_start + 1 - {CONTEXT}), least({CONTEXT}, c.char_start)) as before,
              substr(k.text, c.char_end + 1, {CONTEXT}) as after
            from citations c
              join documents d on d.document_id = c.document_id
              join chunks k on k.parse_run_id = c.parse_run_id and k.chunk_id = c.chunk_id
              left join document_pages p on p.parse_run_id = c.parse_run_id and p.page_no = c.page_no
            where c.citation_id = %(id)s""",
            id=citation_id,
        )
        if found is None:
            raise Refused("CITATION_NOT_FOUND")
        return CitationSource(
            citation_id=citation_id,
            verdict_id=found["verdict_id"],
            chunk_id=found["chunk_id"],
            document_id=found["document_id"],
            filename=found["filename"],
            page=found["page_no"],
            page_width=found["width_pt"],
            page_height=found["height_pt"],
            page_kind=found["page_kind"],
            box=(float(found["x0"]), float(found["y0"]), float(found["x1"]), float(found["y1"])),
            boxes=tuple((b[0], b[1], b[2], b[3]) for b in found["boxes"]),
            start=found["char_start"],
            end=found["char_end"],
            quote=found["quote"],
            before=found["before"],
            after=found["after"],
            locator=found["locator"],
            match=found["match"],
        )

    def _verdicts(self, query: str, **params: Any) -> list[Verdict]:
        with self._session.transaction():
            rows = self._session.rows(query, **params)
            cited = self._session.rows(
                "select * from citations where verdict_id = any(%(ids)s) order by verdict_id, claim_no, citation_id",
                ids=[row["verdict_id"] for row in rows],
            )
        by_claim: dict[tuple[str, int], list[Citation]] = {}
        for row in cited:
            by_claim.setdefault((row["verdict_id"], row["claim_no"]), []).append(_citation(row))
        return [_verdict(row, by_claim) for row in rows]


def _verdict_row(evaluation_id: str, verdict: Verdict) -> dict[str, Any]:
    row = {name: getattr(verdict, name) for name in Verdict.__slots__}
    return {
        **row,
        "evaluation_id": evaluation_id,
        "claims": Jsonb([{"text": claim.text, "stance": claim.stance} for claim in verdict.claims]),
        "unsupported": Jsonb([_unsupported(claim) for claim in verdict.unsupported_claims]),
        "confidence_parts": Jsonb(verdict.confidence_parts),
        "review_reasons": Jsonb([asdict(reason) for reason in verdict.review_reasons]),
        "versions": Jsonb(verdict.versions),
    }


def _unsupported(claim: Claim) -> dict[str, Any]:
    """An unsupported claim keeps what it pointed at; its quotes are no citations (E48)."""
    citations = [{**asdict(c), "box": _points(c.box), "boxes": [_points(b) for b in c.boxes]} for c in claim.citations]
    return {"text": claim.text, "stance": claim.stance, "citations": citations}


def _citation_row(verdict: Verdict, claim_no: int, citation: Citation) -> dict[str, Any]:
    x0, y0, x1, y1 = _points(citation.box)
    return {
        **{name: getattr(citation, name) for name in Citation.__slots__ if name not in ("box", "boxes")},
        "verdict_id": verdict.verdict_id,
        "claim_no": claim_no,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "boxes": Jsonb([_points(box) for box in citation.boxes]),
        "quote_hash": sha256(citation.quote.encode()).hexdigest(),
    }


def _points(box: Box) -> list[float]:
    return [float(box.x0), float(box.y0), float(box.x1), float(box.y1)]


def _citation(row: dict[str, Any]) -> Citation:
    return Citation(
        chunk_id=row["chunk_id"],
        parse_run_id=row["parse_run_id"],
        document_id=row["document_id"],
        page=row["page_no"],
        box=Box(float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])),
        boxes=tuple(Box(*points) for points in row["boxes"]),
        start=row["char_start"],
        end=row["char_end"],
        quote=row["quote"],
        match=row["match"],
        is_primary=row["is_primary"],
        locator=row["locator"],
        citation_id=row["citation_id"],
    )


def _stored_claim(stored: dict[str, Any]) -> Claim:
    citations = tuple(
        Citation(**{**c, "box": Box(*c["box"]), "boxes": tuple(Box(*b) for b in c["boxes"])})
        for c in stored["citations"]
    )
    return Claim(text=stored["text"], stance=stored["stance"], citations=citations)


def _claims(row: dict[str, Any], by_claim: dict[tuple[str, int], list[Citation]]) -> Sequence[Claim]:
    return [
        Claim(text=claim["text"], stance=claim["stance"], citations=tuple(by_claim.get((row["verdict_id"], no), ())))
        for no, claim in enumerate(row["claims"])
    ]


def _verdict(row: dict[str, Any], by_claim: dict[tuple[str, int], list[Citation]]) -> Verdict:
    kept = {name: row[name] for name in Verdict.__slots__}
    return Verdict(
        **{
            **kept,
            "claims": tuple(_claims(row, by_claim)),
            "unsupported_claims": tuple(_stored_claim(stored) for stored in row["unsupported_claims"]),
            "review_reasons": tuple(ReviewReason(**reason) for reason in row["review_reasons"]),
            "confidence_parts": row["confidence_parts"] or {},
        }
    )
