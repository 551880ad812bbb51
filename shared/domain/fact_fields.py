"""Which facts are looked for, under which names, and what does not count as the bid's own statement (E40)."""

import re
from dataclasses import dataclass

VERSION = "bp-facts-1"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """`kind` is money, duration, grade, code or text. `label` names the field; `totals` are row names that name it
    only inside a price table; `never_before` and `never_after` are words beside a label that make it another matter."""

    field: str
    kind: str
    label: re.Pattern[str]
    never_before: re.Pattern[str] | None = None
    never_after: re.Pattern[str] | None = None
    totals: re.Pattern[str] | None = None
    own_only: bool = True


def _any(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


FIELDS = (
    FieldRule(
        "supplier_code",
        "code",
        _any(
            r"统一社会信用代码|社会信用代码|营业执照(?:注册)?号码?|组织机构代码|supplier\s+code|"
            r"unified\s+social\s+credit\s+(?:code|identifier)|"
            r"(?:company|business|commercial|trade)\s+regist(?:ration|er|ry)\s*(?:no\.?|number|code)|"
            r"company\s+(?:no\.|number)|registration\s+(?:no\.|number|code)"
        ),
        never_before=_any(r"(?:VAT|tax|certificate|ISO|证书|专利|trade\s*mark|vehicle)\W*(?:\w+\W+){0,2}$"),
        own_only=False,
    ),
    FieldRule(
        "qualification_level",
        "grade",
        _any(
            r"资质(?:证书)?(?:等级|级别|类别及等级|类别和等级)|qualification\s+(?:level|grade|class)|contractor\s+(?:grade|class)"
        ),
    ),
    FieldRule("registered_capital", "money", _any(r"注册资本金?|注册资金|registered\s+(?:share\s+)?capital")),
    FieldRule(
        "bid_price",
        "money",
        _any(
            r"投标总(?:报)?价|投标报价(?:总价|总额|合计)?|报价总(?:价|额|计)|总报价|"
            r"total\s+(?:bid|tender|offer(?:ed)?|quoted)\s+(?:price|sum|amount)|"
            r"(?:bid|tender|offer)\s+(?:price|sum)|total\s+price\s+of\s+(?:the|our|this)\s+(?:bid|tender|offer)|"
            r"for\s+(?:the|a)\s+(?:total\s+)?(?:lump\s+)?(?:sum|price|amount)\s+of"
        ),
        never_before=_any(r"(?:unit|estimated|evaluated|maximum|ceiling|单项|最高|评标|每)\W*$"),
        never_after=_any(r"^\s*(?:ceiling|limit|score|weight|evaluation|得分|评分|上限|限价|的\s*\d+(?:\.\d+)?\s*%)"),
        totals=_any(r"^\s*(?:grand\s+total|total|overall\s+total|总计|合计|总价合计)\b(?!.*(?:excl|net|不含|before))"),
    ),
    FieldRule(
        "delivery_period",
        "duration",
        _any(
            r"交货期限?|供货期限?|交付期限?|交货时间|供货时间|供货周期|交付时间|建设工期|总工期|(?<![施竣完])工期|合同履行期限|实施周期|"
            r"(?:overall\s+|total\s+)?delivery\s+(?:period|time|term)|time\s+for\s+(?:delivery|completion)|"
            r"completion\s+(?:period|time)|period\s+(?:for|of)\s+(?:delivery|completion)|"
            r"(?:goods|equipment|system|works|project)\b[^.;|]{0,50}\b(?:delivered|completed|commissioned)\b"
            r"[^.;|]{0,50}?(?=\bwithin\b)"
        ),
        never_before=_any(
            r"(?:spare\s+parts?|samples?|document|consumables?|备件|备品|样品|资料|缩短|延误)\W*(?:\w+\W+)?$"
        ),
        never_after=_any(r"^\s*(?:延误|逾期|违约|delay|damages)"),
    ),
    FieldRule(
        "warranty_period",
        "duration",
        _any(
            r"质保期限?|保修期限?|质量保证期限?|免费质保|免费保修期?|warranty\s+(?:period|term)|period\s+of\s+warranty|"
            r"warranty\s+(?:of|for)\b|defects?\s+(?:liability|notification)\s+period|guarantee\s+period"
        ),
        never_before=_any(
            r"(?:\b(?:after|during|within|throughout|beyond|outside|extended|optional|expiry|end)\b\W*(?:\w+\W+){0,3}"
            r"|延长|过了?|超出)$"
        ),
        never_after=_any(r"^\s*(?:满|外|结束|届满|内(?!为)|过后|后|response|已?到期|extension)"),
    ),
    FieldRule(
        "bid_validity",
        "duration",
        _any(
            r"投标(?:文件)?有效期|报价有效期|(?:bid|tender|offer)\s+validity(?:\s+period)?|"
            r"validity\s+(?:period\s+)?of\s+(?:the|this|our)\s+(?:bid|tender|offer)|period\s+of\s+(?:bid\s+)?validity|"
            r"(?:bid|tender|offer)\s+(?:(?:shall|will)\s+)?(?:remains?|is|be)\s+(?:valid|binding|open)"
        ),
        never_after=_any(r"^\s*(?:满|届满|后|内|期满|extension)"),
    ),
    FieldRule(
        "bid_security",
        "money",
        _any(r"投标保证金(?:金额)?|(?:bid|tender)\s+(?:security|bond|deposit|guarantee)"),
    ),
    FieldRule(
        "bidder_name",
        "text",
        _any(
            r"投标人(?:名称|全称)|供应商(?:名称|全称)|(?:full\s+)?name\s+of\s+(?:the\s+)?(?:bidder|tenderer)|bidder(?:['’]s)?\s+name"
        ),
        own_only=False,
    ),
)
BY_FIELD = {rule.field: rule for rule in FIELDS}
ALL_LABELS = re.compile("|".join(f"(?:{rule.label.pattern})" for rule in FIELDS), re.IGNORECASE)

REQUIREMENT = _any(
    r"招标(?:文件|人|方)?(?:的)?(?:要求|规定)|采购(?:文件|人|方)?(?:的)?(?:要求|规定)|业主要求|最高限价|控制价|预算|"
    r"(?:tender|employer|buyer|purchaser|client|authority|rfp|specification|invitation)(?:['’]s)?(?:\s+documents?)?\s+"
    r"(?:requires?|required|requirements?|stipulates?|demands?|asks?)|required\s+by|requirement\s+(?:is|of|was)|"
    r"\b(?:requested|required|budget|ceiling)\b|instead\s+of"
)
REQUIREMENT_HEADER = _any(r"要求|规定|招标|采购文件|require|specified|specification|tender\s+(?:clause|condition|term)")
OFFER_HEADER = _any(
    r"响应|承诺|投标(?:人|文件|报价|内容|应答)|应答|offer|response|proposed|propos|bidder|tenderer|our\b|commit|value"
)
OTHER_PROJECT = _any(
    r"业绩|案例|类似项目|合同一览|references?|similar\s+(?:projects?|contracts?)|track\s+record|past\s+performance|experience"
)
PRICE_TABLE = _any(r"报价|价格|开标一览|price|pricing|bill\s+of\s+quantities|cost")

GRADE = re.compile(
    r"(?P<cn>(?:特|[一二三四五壹贰叁肆甲乙丙丁])级)|\b(?P<word>Class|Grade|Level|Category|Tier)\s+(?P<mark>[A-E]\b|[1-5]\b|III|II|IV|I\b|V\b)",
    re.IGNORECASE,
)
CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{1,4}[\s-])?(?=[A-Z0-9./-]*\d[A-Z0-9./-]*\d)[A-Z0-9](?:[A-Z0-9./-]{4,24})(?<![./-])(?![A-Za-z0-9])"
)
