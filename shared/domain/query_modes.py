"""Choose how to search: the type of a query, and the branches its mode runs (spec R10, R17-R23)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.query_constraints import Constraint

QUERY_TYPES = ("fact", "relation", "comparison", "summary", "risk", "trace", "unknown")
PURPOSES = ("search", "evaluate", "answer")
MODES = ("local", "global", "hybrid", "mix")
DEPTH, MIX_DEPTH = 60, 120
HIGH_RISK_SCORE = 0.7
_MODE_OF = {
    "fact": "local", "relation": "global", "comparison": "hybrid", "summary": "hybrid", "unknown": "hybrid",
    "risk": "mix", "trace": "mix",
}  # fmt: skip
_STRENGTH = {"local": 0, "global": 1, "hybrid": 1, "mix": 2}
_SIGNS = (
    (
        "risk",
        r"风险|红线|废标|否决|违法|违规|处罚|失信|诉讼|串标|禁止投标|\brisks?\b|\bred lines?\b|exclusion ground|"
        r"penalt|litigation|convict|debar|conflict of interest|misrepresent",
    ),
    (
        "trace",
        r"出处|依据|来源|哪一页|第几页|在哪|原文|\bwhich page\b|\bwhere (?:is|does|in)\b|\bsource of\b|"
        r"\baccording to\b|\bquote\b",
    ),
    (
        "comparison",
        r"对比|比较|差异|区别|哪家|孰|\bcompar|\bversus\b|\bvs\b|\bdifferen|"
        r"\bwhich (?:bidder|supplier|offer) (?:is|has|offers)",
    ),
    (
        "relation",
        r"关系|隶属|关联|控股|母公司|子公司|分包给|\brelat(?:ed|ion)|\bparent company\b|subsidiar|affiliat|"
        r"\bowned by\b|\bwho (?:does|owns|provides|supplies|is responsible)\b",
    ),
    ("summary", r"总结|概述|概括|综述|简述|\bsummar|\boverview\b|\bdescribe\b|\boutline\b"),
    ("fact", r"多少|是否|几个|几年|何时|多久|\bhow (?:many|much|long)\b|\bwhat is\b|\bwhen\b|\bwhether\b"),
)
_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _SIGNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChoice:
    """What was chosen and why; `branches` are those that exist, `depth` the candidates asked of each."""

    query_type: str
    mode: str
    reason: str
    branches: tuple[str, ...]
    depth: int


def classify(text: str, constraints: Sequence[Constraint]) -> tuple[str, str]:
    """The type of a query and the sign it was told by; constraints alone make it a fact."""
    for name, pattern in _PATTERNS:
        sign = pattern.search(text)
        if sign:
            return name, f"sign={sign.group().lower()}"
    for constraint in constraints:
        if constraint.kind in ("numeric", "time", "entity", "must_include"):
            return "fact", f"constraint={constraint.kind}"
    return "unknown", "no sign"


def choose_mode(
    query_type: str,
    *,
    purpose: str = "search",
    high_risk: bool = False,
    risk_score: float = 0.0,
    hint: str | None = None,
    explicit: bool = False,
) -> ModeChoice:
    """High risk is mix and cannot be weakened; a hint only strengthens there (R22).

    The graph and facts branches are not part of this version: global runs as hybrid and the reason says so. An
    evaluation never runs fewer than two branches, because one alone cannot prove an absence (R51)."""
    mode, reason = _MODE_OF[query_type], f"type={query_type}" + (" (asked for)" if explicit else "")
    risky = "high_risk" if high_risk else f"risk_score={risk_score:.2f}" if risk_score >= HIGH_RISK_SCORE else ""
    if risky:
        mode, reason = "mix", risky
    elif hint in MODES and (purpose == "search" or _STRENGTH[str(hint)] >= _STRENGTH[mode]):
        mode, reason = str(hint), "hint"
    if mode == "global":
        mode, reason = "hybrid", f"{reason}; no graph branch in this version"
    if mode == "local" and purpose == "evaluate":
        mode, reason = "hybrid", f"{reason}; an evaluation needs two branches"
    branches = ("lexical",) if mode == "local" else ("lexical", "vector")
    depth = MIX_DEPTH if mode == "mix" else DEPTH
    return ModeChoice(query_type=query_type, mode=mode, reason=reason, branches=branches, depth=depth)
