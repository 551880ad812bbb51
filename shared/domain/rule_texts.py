"""Sentences in which rules give their reasons, in English and Chinese, and the names of facts."""

REASONS = {
    "met": ("The requirement is met, as the cited text shows.", "引文表明满足要求。"),
    "not_met": ("The cited text shows that the requirement is not met.", "引文表明不满足要求。"),
    "red_line": (
        "Red line: the cited text shows the ground for exclusion. A person must confirm it.",
        "触及红线：引文表明存在否决情形，须由人员确认。",
    ),
    "red_line_clear": ("The cited text shows that the red line is not touched.", "引文表明未触及红线。"),
    "computed": ("Computed by the formula of the rule pack from the cited value.", "按规则包公式由所引数值计算。"),
    "pending_cohort": (
        "The value is found; the score waits until the set of bids is closed.",
        "已找到数值；待投标集合确定后计算得分。",
    ),
    "not_found": (
        "A complete search found nothing about this. A person must confirm the absence.",
        "完整检索未找到相关内容，须由人员确认缺失。",
    ),
    "search_incomplete": (
        "Nothing was found, but the search was not complete: {detail}.",
        "未找到相关内容，但检索不完整：{detail}。",
    ),
    "conflict": ("The bid contradicts itself at the cited places.", "投标文件在所引位置自相矛盾。"),
    "insufficient": ("The text found does not decide this.", "已找到的内容不足以判定。"),
    "model_unavailable": (
        "This needs judgement and no model is available; the evidence is attached.",
        "该项需要评判而没有可用模型；已附证据。",
    ),
    "model_unreadable": (
        "This needs judgement and the model's answer cannot be used; the evidence is attached.",
        "该项需要评判而模型的回答不可用；已附证据。",
    ),
    "budget_stopped": (
        "This needs judgement and the model was stopped at its budget; the evidence is attached.",
        "该项需要评判而模型调用因预算用尽已停止；已附证据。",
    ),
    "checklist": ("{met} of {all} items are shown by the cited text.", "{all}项中有{met}项得到引文证明。"),
    "not_comparable": (
        "The bids cannot be compared: they state different currencies or tax bases.",
        "各投标的币种或计税口径不同，无法比较。",
    ),
    "undefined": ("The formula is not defined for the cited value.", "公式对所引数值没有定义。"),
}
FIELD_NAMES = {
    "supplier_code": ("Supplier code", "供应商代码"),
    "qualification_level": ("Qualification level", "资质等级"),
    "registered_capital": ("Registered capital", "注册资本"),
    "bid_price": ("Bid price", "投标报价"),
    "delivery_period": ("Delivery period", "交货期"),
    "warranty_period": ("Warranty period", "质保期"),
    "bid_validity": ("Bid validity", "投标有效期"),
    "bid_security": ("Bid security", "投标保证金"),
    "bidder_name": ("Bidder", "投标人"),
}


def reason_text(key: str, language: str, **parts: object) -> str:
    """The sentence of REASONS in zh for Chinese and in English otherwise; raises KeyError for an unknown key."""
    return REASONS[key][1 if language == "zh" else 0].format(**parts)


def field_name(field: str, language: str) -> str:
    """The name of a fact for people; an unlisted field keeps its own name."""
    names = FIELD_NAMES.get(field)
    return field if names is None else names[1 if language == "zh" else 0]
