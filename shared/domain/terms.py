"""Cut text into search terms the same way for every engine, so that engines only rank (spec R53, R54).

Other terms than before are a new TERM_VERSION (term_version.py)."""

import re
import threading
import unicodedata

import Stemmer

from shared.domain.code_terms import code_forms

# What a match counts in each field of the index (R26). Every engine reads it from here.
FIELD_BOOSTS = {"code_terms": 3.0, "heading_terms": 2.0, "terms": 1.0}

_CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = f"[^\\W_{_CJK}]"
_TOKEN = re.compile(
    f"(?P<cjk>[{_CJK}]+)"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]))"
    f"|(?P<word>{_LATIN}+(?:\\.(?=\\d){_LATIN}+|'(?=[^\\W\\d_]){_LATIN}+)*)"
)
_PLAIN_WORD = re.compile(r"[a-z']+")
# Titles are spread with blanks and PDF lines end anywhere; one line end is no word boundary in Chinese.
_CJK_GAP = re.compile(f"(?<=[{_CJK}])[ \\t\\u3000]*\\n?[ \\t\\u3000]*(?=[{_CJK}])")
_MARKS = str.maketrans(
    {
        **dict.fromkeys("‘’‛′`", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–—―−﹣", "-"),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\ufeff", None),
    }
)
_local = threading.local()


def fold(text: str) -> str:
    """Full width to half width, case folding, one kind of quotation mark and of dash (R6); not length preserving."""
    return unicodedata.normalize("NFKC", text).translate(_MARKS).lower()


def terms(text: str) -> list[str]:
    """The terms of a text in reading order: Porter2 stems, numbers and dotted codes whole, CJK bigrams (R53)."""
    found: list[str] = []
    for match in _TOKEN.finditer(_CJK_GAP.sub("", fold(text))):
        token = match.group()
        if match.lastgroup == "cjk":
            found += [token[i : i + 2] for i in range(len(token) - 1)] or [token]
        elif match.lastgroup == "number":
            found.append(token.replace(",", ""))
        elif _PLAIN_WORD.fullmatch(token):
            found.append(_stemmer().stemWord(token))
        else:
            found.append(token)
    return found


def codes(text: str) -> list[str]:
    """Standards, certificate numbers, dates and money as single tokens, each once, in reading order (R54).

    A standard with a year also gives the form without it, so GB/T 19001 finds GB/T 19001-2016."""
    return list(dict.fromkeys(code_forms(text, fold(text))))


def unique_terms(text: str) -> list[str]:
    """The terms of a query: each once, because engines would count a repeated one twice."""
    return list(dict.fromkeys(terms(text)))


def _stemmer() -> Stemmer.Stemmer:
    """One stemmer per thread: the C object keeps state between calls."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer
