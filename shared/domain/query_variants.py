"""The forms in which a query is asked: original, phrases, rewrite, synonyms, codes, key terms, negated (R20, R51)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.constraint_matching import verify_rewrite
from shared.domain.query_constraints import query_constraints
from shared.domain.synonyms import equivalents
from shared.domain.terms import codes, unique_terms

# Weights of the forms inside a branch, by measurement (bench/retrieval_scores.py): at 0.5 each, codes and key terms
# cost 0.02 nDCG@10 on SciFact and CMRC 2018, with these nothing. They are there to reach what the original misses.
WEIGHTS = {
    "original": 1.0, "phrase": 1.0, "rewrite": 1.0, "synonyms": 0.3, "key_terms": 0.3, "negated": 0.1, "codes": 0.05,
}  # fmt: skip
# What R51 asks for: three kinds, among them the original, a rewrite (compressing is one, R12) or synonyms, and a code
# or number form, for which the key terms stand in when a text has neither codes nor numbers.
LEAST_KINDS = 3
NEEDED_KINDS = (("original",), ("rewrite", "synonyms", "phrase", "key_terms"), ("codes", "key_terms"))
# OpenSearch takes 1,024 clauses; two fields per term.
MOST_TERMS = 300
_FUNCTION_WORDS = frozenset(
    unique_terms(
        "a an and any are as at be been being but by can do does for from had has have he if in into is it its may "
        "must "
        "no not of on or our shall she should so such than that the their them then there these they this those to was "
        "we were what when where which who whom whose why will with would you your how many much please state"
    )
)
_NEGATIONS = {
    "zh": "未 没有 不具备 无 不满足 不能 未提供 未取得 过期",
    "en": "not no without lack missing expired fail unable does not hold not provided deviation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One form: what BM25 gets as terms and codes, and what the vector branch embeds (None: lexical only)."""

    kind: str
    text: str
    terms: tuple[str, ...]
    codes: tuple[str, ...]
    embed: str | None

    @property
    def weight(self) -> float:
        """Its weight inside a branch."""
        return WEIGHTS[self.kind]


def query_variants(
    text: str,
    *,
    rewrite: str | None = None,
    phrases: Sequence[str] = (),
    synonyms: Mapping[str, Sequence[str]] | None = None,
    negated: bool = False,
    language: str = "en",
) -> list[Variant]:
    """At least the original; the others where the text gives rise to them."""
    made = [_variant("original", text, embed=text)]
    if rewrite is not None and rewrite != text:
        made.append(_variant("rewrite", rewrite, embed=rewrite))
    made += [_variant("phrase", phrase, embed=phrase) for phrase in dict.fromkeys(phrases) if phrase.strip()]
    added = equivalents(" ".join([text, *phrases]), synonyms)
    if added:
        made.append(_variant("synonyms", " ".join(added), embed=None))
    made += _short_forms(" ".join([text, *phrases]))
    if negated:
        made.append(_variant("negated", f"{text} {_NEGATIONS[language]}", embed=None))
    return [variant for variant in made if variant.terms or variant.codes]


def accepted_rewrite(text: str, rewrite: str | None) -> tuple[str, list[str]]:
    """The rewrite when it keeps every constraint, else the original with the differences (R13, R14)."""
    if rewrite is None or not rewrite.strip():
        return text, []
    difference = verify_rewrite(text, rewrite)
    return (text, difference) if difference else (rewrite, [])


def _variant(kind: str, text: str, *, embed: str | None) -> Variant:
    wanted = tuple(unique_terms(text)[:MOST_TERMS])
    return Variant(kind=kind, text=text, terms=wanted, codes=tuple(codes(text)[:MOST_TERMS]), embed=embed)


def _short_forms(whole: str) -> list[Variant]:
    """The terms without function words, and, where there are any, the codes and numbers alone."""
    kept = tuple(term for term in unique_terms(whole) if term not in _FUNCTION_WORDS)[:MOST_TERMS]
    made = [Variant(kind="key_terms", text=" ".join(kept), terms=kept, codes=tuple(codes(whole)), embed=None)]
    numbers = [c for c in query_constraints(whole) if c.kind in ("numeric", "time", "entity")]
    if numbers:
        made.append(_variant("codes", " ".join(whole[c.start : c.end] for c in numbers), embed=None))
    return made
