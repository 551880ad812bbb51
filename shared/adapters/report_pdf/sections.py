"""The parts of a printed report: title block, matrix, one section per criterion, citation index, provenance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from reportlab.platypus import CondPageBreak, Flowable, HRFlowable, KeepTogether, Spacer, Table
from reportlab.platypus.tables import TableStyle

from shared.adapters.report_pdf.fonts import mixed
from shared.adapters.report_pdf.labels import labels, shown, word
from shared.adapters.report_pdf.styles import ACCENT, BAND, INK, LINE, WIDTH, grid, marked, outcome_markup, paragraph

Content = Mapping[str, Any]


def title_block(content: Content) -> list[Flowable]:
    """Kind of report, title, facts about the run on the left and the total on the right."""
    say = labels(content["language"])
    named = [
        (say["project"], _named(content["project"])),
        (say["supplier"], _named(content["supplier"])),
        (say["evaluation"], content["evaluation_id"]),
        (say["version"], str(content["version"])),
        (say["generated"], content["generated_at"]),
    ]
    facts = Table(
        [[paragraph(label, "small"), paragraph(shown(value, say["not_recorded"]), "cell")] for label, value in named],
        colWidths=[82, WIDTH * 0.64 - 82],
        style=TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        ),
    )
    sides = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (0, 0), 0),
            ("BACKGROUND", (1, 0), (1, 0), BAND),
            ("LEFTPADDING", (1, 0), (1, 0), 14),
            ("TOPPADDING", (1, 0), (1, 0), 10),
            ("BOTTOMPADDING", (1, 0), (1, 0), 12),
        ]
    )
    return [
        paragraph(word(content["language"], content["kind"]), "kicker"),
        paragraph(content["title"], "title"),
        HRFlowable(width="100%", thickness=1.4, color=ACCENT, spaceAfter=10),
        Table([[facts, _totals(content["totals"], say)]], colWidths=[WIDTH * 0.66, WIDTH * 0.34], style=sides),
    ]


def _named(party: Mapping[str, Any]) -> str:
    return f"{party['name']} ({party['code']})" if party.get("code") else str(party["name"])


def _totals(totals: Mapping[str, Any], say: Mapping[str, str]) -> list[Flowable]:
    """The total with its maximum; while items are open the range that is still possible and their codes."""
    total = totals.get("total")
    figure = f"{total} / {totals['max']}" if total is not None else "—"
    parts = [paragraph(say["total"], "small"), paragraph(figure, "big")]
    if total is None:
        parts.append(paragraph(say["no_total"], "small"))
    if totals.get("low") is not None and totals.get("high") is not None:
        parts += [Spacer(1, 5), paragraph(f"{say['interval']}: {totals['low']} - {totals['high']}", "cell")]
    if totals.get("open"):
        parts += [Spacer(1, 5), paragraph(f"{say['open']}: {', '.join(map(str, totals['open']))}", "cell")]
    return parts


def _section(title: str) -> list[Flowable]:
    """A section title that does not stand alone at the foot of a page; keepWithNext would move whole tables."""
    return [CondPageBreak(120), paragraph(title, "section")]


def matrix(content: Content) -> list[Flowable]:
    """One row per criterion: verdict, score, confidence, number of citations; the code links to its section."""
    language = content["language"]
    say = labels(language)
    heads = ("code", "title", "kind", "outcome", "score", "confidence", "cited")
    rows: list[list[Flowable]] = [[paragraph(say[head], "head") for head in heads]]
    for criterion in content["criteria"]:
        code = str(criterion["code"])
        count = sum(len(claim["citations"]) for claim in criterion["claims"])
        verdict = word(language, criterion["outcome"])
        rows.append(
            [
                marked(f'<a href={quoteattr("#criterion-" + code)} color="#14507a">{mixed(code)}</a>', code, "cell"),
                paragraph(str(criterion["title"]), "cell"),
                paragraph(word(language, criterion["kind"]), "cell"),
                marked(outcome_markup(criterion["outcome"], verdict), verdict, "cell"),
                paragraph(_score(criterion), "cell"),
                paragraph(_short(criterion.get("confidence")), "cell"),
                paragraph(str(count), "cell"),
            ]
        )
    return [*_section(say["summary"]), grid(rows, (1.1, 3.6, 1.9, 1.9, 1.5, 1.6, 1.3))]


def _short(value: object) -> str:
    """A value of the matrix; the reason for a dash stands in the section of the criterion."""
    return "—" if value is None else str(value)


def _score(criterion: Mapping[str, Any]) -> str:
    return f"{_short(criterion.get('score'))} / {criterion['max_score']}"


def details(content: Content) -> Iterator[Flowable]:
    """A section per criterion with reason, claims and quotes, changes by people, search log and review reasons."""
    say = labels(content["language"])
    yield from _section(say["details"])
    for criterion in content["criteria"]:
        yield CondPageBreak(90)
        yield KeepTogether(
            [_bar(criterion, content["language"]), Spacer(1, 5), *_facts(criterion, content["language"])]
        )
        yield from _claims(criterion["claims"], content["language"])
        yield from _lists(criterion, say)
        yield Spacer(1, 10)


def _bar(criterion: Mapping[str, Any], language: str) -> Table:
    """The shaded line that opens a section: code and title, verdict, score."""
    code, verdict = str(criterion["code"]), word(language, criterion["outcome"])
    anchor = f"<a name={quoteattr('criterion-' + code)}/>"
    name = f"{code}　{criterion['title']}"
    cells = [
        marked(anchor + mixed(name), name, "criterion"),
        marked(outcome_markup(criterion["outcome"], verdict), verdict, "criterion"),
        paragraph(_score(criterion), "criterion"),
    ]
    style = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), BAND),
            ("LINEBEFORE", (0, 0), (0, 0), 3, ACCENT),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ]
    )
    return Table([cells], colWidths=[WIDTH * 0.62, WIDTH * 0.2, WIDTH * 0.18], style=style)


def _facts(criterion: Mapping[str, Any], language: str) -> list[Flowable]:
    """Reason, who decided, confidence; a missing score or confidence with the reason for the dash."""
    say = labels(language)
    parts = [
        f"{say['decided_by']}: {shown(word(language, criterion['decided_by'] or ''), say['not_recorded'])}",
        f"{say['confidence']}: {shown(criterion.get('confidence'), say['no_confidence'])}",
        f"{say['score']}: {shown(criterion.get('score'), say['no_score'])}",
    ]
    reason = f"{say['reason']}: {shown(criterion.get('reason'), say['not_recorded'])}"
    return [paragraph(reason), paragraph(" · ".join(parts), "small"), Spacer(1, 3)]


def _claims(claims: Sequence[Mapping[str, Any]], language: str) -> Iterator[Flowable]:
    say = labels(language)
    if not claims:
        yield paragraph(f"{say['claims']}: {shown(None, say['no_claims'])}", "small")
    for claim in claims:
        numbers = "".join(_reference(citation["n"]) for citation in claim["citations"])
        text = f"{claim['text']} ({word(language, claim['stance'])}) "
        yield marked(mixed(text) + numbers, text, "claim", bulletText="•")
        for citation in claim["citations"]:
            yield paragraph(f"“{citation['quote']}”", "quote")


def _reference(number: object) -> str:
    """The mark [n], linked to its row in the citation index."""
    return f'<a href="#cite-{number}" color="#14507a">[{number}]</a>'


def _lists(criterion: Mapping[str, Any], say: Mapping[str, str]) -> Iterator[Flowable]:
    for key, label in (("review_reasons", "review"), ("overrides", "overrides")):
        entries = criterion.get(key) or []
        if entries:
            yield paragraph(say[label], "subhead")
        for entry in entries:
            yield paragraph(flat(entry), "claim", bulletText="•")
    if criterion.get("search_log"):
        yield paragraph(say["search_log"], "subhead")
        for key, value in criterion["search_log"].items():
            yield paragraph(f"{key}: {flat(value)}", "claim", bulletText="•")


def flat(value: Any) -> str:
    """A stored value of any shape on one line, in its stored order: "code: RED_LINE; value: 1"."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {flat(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(flat(item) for item in value)
    return "—" if value is None else str(value)


def citation_index(content: Content) -> list[Flowable]:
    """Every citation once, by number: document, page, place and box, the quote, and the criteria that use it."""
    say = labels(content["language"])
    found: dict[int, tuple[Mapping[str, Any], list[str]]] = {}
    for criterion in content["criteria"]:
        for citation in (citation for claim in criterion["claims"] for citation in claim["citations"]):
            _, users = found.setdefault(citation["n"], (citation, []))
            if criterion["code"] not in users:
                users.append(criterion["code"])
    heads = ("#", say["document"], say["page"], say["place"], say["quote"], say["used_by"])
    rows: list[list[Flowable]] = [[paragraph(head, "head") for head in heads]]
    for number, (citation, users) in sorted(found.items()):
        links = ", ".join(
            f'<a href={quoteattr("#criterion-" + code)} color="#14507a">{mixed(code)}</a>' for code in users
        )
        rows.append(
            [
                marked(f'<a name="cite-{number}"/>{number}', str(number), "cell"),
                paragraph(str(citation["document"]), "cell"),
                paragraph(_page(citation, say), "cell"),
                paragraph(_place(citation, say), "small"),
                paragraph(citation["quote"], "cell"),
                marked(links, "", "cell"),
            ]
        )
    if not found:
        return [*_section(say["citations"]), paragraph(shown(None, say["no_claims"]))]
    return [*_section(say["citations"]), grid(rows, (0.6, 2.1, 1, 2.7, 4.4, 1.2))]


def _page(citation: Mapping[str, Any], say: Mapping[str, str]) -> str:
    """The page number; a page that the product laid out itself is called a view, never a page of the original (P55)."""
    if citation.get("page_kind") == "virtual":
        return say["view"].format(page=citation["page"])
    return shown(citation.get("page"), say["no_page"])


def _place(citation: Mapping[str, Any], say: Mapping[str, str]) -> str:
    """Locator and box in points from the top left corner of the page."""
    box = citation.get("box")
    corners = f"{say['box']} {', '.join(f'{float(edge):.0f}' for edge in box)}" if box else None
    return "\n".join(part for part in (citation.get("locator"), shown(corners, say["not_recorded"])) if part)


def provenance(content: Content) -> list[Flowable]:
    """Versions that made the result (spec E7) and the span of audit entries."""
    say = labels(content["language"])
    audit = content["audit"]
    span = say["from_to"].format(
        first=shown(audit.get("from_seq"), say["not_recorded"]), last=shown(audit.get("to_seq"), say["not_recorded"])
    )
    lines = [f"{key}: {flat(value)}" for key, value in content["versions"].items()]
    lines.append(f"{say['audit']}: {span}")
    return [*_section(say["provenance"]), *(paragraph(line, "small") for line in lines)]
