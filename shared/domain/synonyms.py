"""The built-in dictionary of procurement words: equivalents in both languages (spec R8, R9)."""

import re
from collections.abc import Mapping, Sequence

from shared.domain.terms import fold

DICTIONARY_VERSION = "builtin-1"
_GROUPS = """
交货期|供货期|交付期|到货时间|delivery period|delivery time|lead time|time for delivery
工期|施工期|实施周期|completion period|construction period|time for completion
质保期|保修期|质量保证期|免费维保期|warranty period|guarantee period|defects liability period|warranty
投标有效期|报价有效期|bid validity|tender validity|offer validity|remains valid
投标保证金|投标担保|银行保函|bid security|bid bond|tender guarantee|bid guarantee
履约保证金|履约担保|performance bond|performance security|performance guarantee
注册资本|注册资金|实缴资本|registered capital|share capital|paid-up capital
投标总价|投标报价|总报价|bid price|tender price|total price|contract price
营业执照|business licence|business license|company registration|commercial register
统一社会信用代码|registration number|company number|credit code
资质等级|资质证书|企业资质|qualification level|qualification certificate|contractor grade
业绩|类似项目|同类项目|案例|references|similar projects|track record|past contracts
项目经理|项目负责人|project manager|project leader|site manager
财务审计报告|审计报告|财务报表|audited accounts|audit report|financial statements|annual accounts
营业收入|年营业额|turnover|annual revenue|sales revenue
质量管理体系|quality management system|iso 9001
环境管理体系|environmental management system|iso 14001
信息安全管理体系|information security management system|iso 27001|iso/iec 27001
职业健康安全|occupational health and safety|iso 45001
分包|转包|subcontracting|subcontractor|subcontracted
联合体|consortium|joint venture
售后服务|维保|运维服务|after-sales service|maintenance service|support service
响应时间|到场时间|response time|reaction time|call-out time
培训|training|instruction of staff
偏离表|偏差表|响应表|deviation table|compliance table|statement of compliance
失信被执行人|重大违法记录|不良行为记录|debarment|exclusion ground|criminal conviction|grounds for exclusion
授权委托书|法人授权书|power of attorney|letter of authority|authorised signatory
技术方案|实施方案|技术建议书|technical proposal|method statement|technical offer
进度计划|实施计划|里程碑|schedule|work plan|milestones|time schedule
保险|insurance|liability cover
付款方式|支付条款|payment terms|terms of payment
违约金|罚款|liquidated damages|penalty for delay
"""
_DICTIONARY: tuple[tuple[str, ...], ...] = tuple(tuple(row.split("|")) for row in _GROUPS.strip().splitlines())


def equivalents(text: str, project: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Words to add to a query, in dictionary order and without those it has; project entries come first."""
    folded = " ".join(fold(text).split())
    groups = [(term, *others) for term, others in sorted((project or {}).items())]
    found: list[str] = []
    for group in (*groups, *_DICTIONARY):
        words = [" ".join(fold(word).split()) for word in group]
        if any(_has(folded, word) for word in words):
            found += [word for word in words if not _has(folded, word)]
    return list(dict.fromkeys(found))


def _has(folded: str, word: str) -> bool:
    if word.isascii():
        return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", folded) is not None
    return word in folded
