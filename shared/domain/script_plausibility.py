"""Whether text looks like English or Chinese, or like a font whose code table is broken (spec P37)."""

import re

# The commonest letter pairs of European languages in Latin script and the commonest Chinese characters of
# running text; real text holds far more of them than the limits ask, shifted code tables far fewer.
_PAIRS = frozenset("th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le".split())
_HAN_COMMON = frozenset(
    "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起还"
    "发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全"
    "工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产"
    "投标招采购项目包合同供应商金额元万期质保价格技术服务要求条款文件资格证书评审单位公司有限责任交货验收付款按照规定提供具"
)
_WORDS = re.compile(r"[A-Za-z]{2,}")
LEAST_PAIR_SHARE, LEAST_LETTERS = 0.12, 200
LEAST_COMMON_SHARE, LEAST_HAN = 0.12, 60


def is_plausible(text: str) -> bool:
    """False when enough Latin or Chinese text is there and holds too few of the commonest pairs or signs."""
    pairs = common = 0
    for word in _WORDS.findall(text.lower()):
        pairs += len(word) - 1
        common += sum(word[i : i + 2] in _PAIRS for i in range(len(word) - 1))
    if pairs >= LEAST_LETTERS and common < LEAST_PAIR_SHARE * pairs:
        return False
    han = [c for c in text if "\u4e00" <= c <= "\u9fff"]
    return len(han) < LEAST_HAN or sum(c in _HAN_COMMON for c in han) >= LEAST_COMMON_SHARE * len(han)
