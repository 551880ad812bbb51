"""Whether a sentence says it or denies it: negation, condition and intent, in English and Chinese (R80)."""

import re

from shared.domain.statement_spans import Span, clause_at

_NOT_NEGATIVE_EN = (
    r"not\s+only|(?:no|not)\s+(?:less|more|fewer|later|earlier|shorter|longer)\s+than|not\s+(?:to\s+)?exceed(?:ing)?|"
    r"without\s+limitation|not\s+limited\s+to|no\s+doubt|without\s+(?:any\s+)?(?:deviation|reservation|exception)s?|"
    r"no\s+(?:deviation|reservation|exception)s?|not\s+applicable|whether\s+or\s+not|no\.\s*[A-Z0-9]|non-\w+"
)
_CUE_EN = re.compile(
    rf"(?P<skip>\b(?:{_NOT_NEGATIVE_EN}))|"
    r"(?P<cue>\b(?:not|no|never|without|neither|nor|none|nobody|cannot|lacks?|lacking|absence\s+of|fail(?:s|ed)?\s+to|"
    r"unable|free\s+(?:of|from)|expired|revoked|withdrawn|suspended|refus(?:e|es|ed)\s+to|outstanding)\b|n['’]t\b)",
    re.IGNORECASE,
)
_INTENT = re.compile(
    r"\b(?:applied\s+for|apply\s+for|application\s+(?:is\s+)?pending|in\s+(?:the\s+)?process\s+of|in\s+progress|plan(?:s|ned)?\s+to|"
    r"intends?\s+to|to\s+be\s+(?:obtained|issued|submitted|provided))\b|申请中|办理中|正在(?:申请|办理)|拟(?:申请|取得|办理)|计划(?:取得|申请)|待(?:取得|办理|补)",
    re.IGNORECASE,
)
_PLAIN_CN = (
    r"不少于|不低于|不超过|不得超过|不得低于|不得少于|不高于|不大于|不小于|不多于|不短于|不迟于|不晚于|不限于|不但|不仅|不断|不锈钢|不间断|不可撤销|"
    r"不同|不论|无论|不变|不良|不正当|不当|不实|不动产|不可抗力|未来|无偿|无缝|无线|无纸|无人|无条件|无偏离|无障碍|无损|无尘|无菌|无菌|无锡|非常|非标|非金属|没收|"
    r"是否|能否|无效"
)
_CUE_CN = re.compile(rf"(?P<skip>{_PLAIN_CN})|(?P<cue>不|未|没有|没|无|非|否认|缺少|缺乏|过期|失效|吊销|撤销|注销)")
_CONDITION = re.compile(
    r"\b(?:if|unless|in\s+case|in\s+the\s+event|should\s+(?:we|the|any|it)|where\s+(?:a|any)\s+(?:bidder|tenderer)|"
    r"bidders?\s+(?:shall|must|who|that)|tenderers?\s+(?:shall|must|who|that)|would\s+be)\b|"
    r"如果|如有|如存在|如发生|若|假如|倘若|一旦|否则|凡|投标人(?:须|应|必须|不得)|供应商(?:须|应|必须|不得)",
    re.IGNORECASE,
)
AFFIRMED, DENIED, UNCERTAIN, HYPOTHETICAL = "affirmed", "denied", "uncertain", "hypothetical"


def _cues(text: str, start: int, end: int, term: Span) -> list[Span]:
    """Negations in text[start:end] that are not part of the term itself."""
    found = []
    for pattern in (_CUE_EN, _CUE_CN):
        for match in pattern.finditer(text, start, end):
            outside = match.end() <= term.start or match.start() >= term.end
            if match["cue"] and outside:
                found.append(Span(*match.span()))
    return found


def stance_of(text: str, sentence: Span, term: Span) -> str:
    """How the sentence stands to the term: affirmed, denied, uncertain (two negations) or hypothetical.

    Looks at the clause of the term, at a denial that opens the sentence ("We do not hold: ...") and, in a table row,
    at a cell that is only a denial ("no", "无", "expired")."""
    clause = clause_at(text, sentence, term.start)
    if _CONDITION.search(text, sentence.start, max(clause.end, term.end)) and not _is_certain(text, sentence):
        return HYPOTHETICAL
    cues = _cues(text, clause.start, max(clause.end, term.end), term)
    cues += [
        cue for cue in _cell_denials(text, sentence) if cue not in cues and not clause.start <= cue.start < clause.end
    ]
    if _INTENT.search(text, clause.start, sentence.end):
        return DENIED
    if not cues:
        return AFFIRMED
    return DENIED if len(cues) == 1 else UNCERTAIN


def _is_certain(text: str, sentence: Span) -> bool:
    """A declaration keeps its force beside a condition: "we declare that ...; if ...", 我方声明."""
    return (
        re.search(
            r"\bwe\s+(?:hereby\s+)?(?:declare|confirm|certify)\b|声明|承诺|确认", text[sentence.start : sentence.end]
        )
        is not None
    )


_DENIAL_CELL = re.compile(
    r"(?:^|\|)\s*(no|none|not\s+(?:held|provided|available|met|compliant)|expired|无|否|没有|未提供|不具备|不满足|已过期)\s*(?=\||$)",
    re.I,
)


def _cell_denials(text: str, sentence: Span) -> list[Span]:
    if "|" not in text[sentence.start : sentence.end]:
        return []
    row = text[sentence.start : sentence.end]
    return [Span(sentence.start + m.start(1), sentence.start + m.end(1)) for m in _DENIAL_CELL.finditer(row)]


def has_negation(text: str) -> bool:
    """Tell whether the text denies anything, leaving out bounds such as "no later than"."""
    nowhere = Span(-1, -1)
    return bool(_cues(text, 0, len(text), nowhere)) or _INTENT.search(text) is not None
