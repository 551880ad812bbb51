"""The fixed words of a printed report, in English and Chinese."""

_ROWS = """
suggestion|Suggestion - not yet reviewed by a person|系统建议 - 尚未经人工复核
reviewed|Reviewed report|复核后报告
project|Project|项目
supplier|Bidder|投标人
evaluation|Evaluation|评审编号
version|Report version|报告版本
generated|Generated at|生成时间
total|Total|总分
interval|Possible range|可能区间
open|Open items|未定项
summary|Criteria at a glance|评审项一览
details|Criteria in detail|评审项详情
citations|Citation index|引用索引
provenance|Versions and audit trail|版本与审计
code|Code|编号
title|Criterion|评审项
kind|Kind|类型
outcome|Verdict|结论
score|Score|得分
confidence|Confidence|置信度
cited|Citations|引用数
decided_by|Decided by|判定方
reason|Reason|理由
claims|Claims|依据
overrides|Changed by a person|人工修改
review|Why a person must decide|需人工判定的原因
search_log|Search log for what was not found|未找到内容的检索记录
document|Document|文件
place|Place|位置
quote|Quote|原文
used_by|Used by|用于
page|Page|页码
view|view {page}|视图 {page}
pages|Page {page} of {count}|第 {page} 页，共 {count} 页
box|box|区域
audit|Audit entries|审计记录
from_to|{first} to {last}|{first} 至 {last}
pass|met|满足
partial|partly met|部分满足
fail|not met|不满足
not_found|not found|未找到
needs_human|for a person|待人工判定
supports|supports|支持
contradicts|contradicts|不支持
absent|absent|缺失
veto|red line|红线
numeric_limit|limit|数值要求
required_material|required material|必备材料
formula|formula|公式
evidenced|evidenced|按证据计分
judged|judged|评判
group|group|分组
rule|rule|规则
model|model|模型
person|person|人工
none|none|无
no_score|no score: the verdict carries none|无得分：该结论不带分数
no_total|no total while items are open|有未定项，暂无总分
no_confidence|not computed for this verdict|该结论未计算置信度
no_claims|no claim with a verified citation|没有经核对的引用
no_page|no page recorded|未记录页码
not_recorded|not recorded|未记录
"""

LABELS: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
for _key, _en, _zh in (row.split("|") for row in _ROWS.strip().splitlines()):
    LABELS["en"][_key], LABELS["zh"][_key] = _en, _zh


def labels(language: str) -> dict[str, str]:
    """All fixed words of one language; raises KeyError for a language other than en and zh."""
    return LABELS[language]


def word(language: str, key: object) -> str:
    """The label of a stored code such as `pass` or `veto`; a code without a label is printed as it is stored."""
    return LABELS[language].get(str(key), str(key))


def shown(value: object, reason: str) -> str:
    """A stored value as text; a missing one as a dash with its reason (spec E87)."""
    return f"— ({reason})" if value is None or value == "" else str(value)
