"""Every error the product can return: code, HTTP status, class, retry and texts (spec D120-D124)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row: `kind` is the class of spec D121, `group` the console's number E1-E5."""

    code: str
    http: int
    kind: str
    retryable: bool
    group: str
    en: str
    zh: str


_ROWS = """
AUTH_UNAUTHORIZED|401|security_sensitive|no|E1|No valid token|没有有效的令牌
AUTH_FORBIDDEN|403|security_sensitive|no|E1|Your role does not allow this|您的角色无权执行此操作
TENANT_SCOPE_VIOLATION|403|security_sensitive|no|E1|The request names another tenant|请求指向了其他租户
TENANT_SUSPENDED|403|business_rule|no|E1|The tenant is suspended|租户已被停用
TENANT_EXPIRED|402|business_rule|no|E1|The tenant has expired|租户已过期
TENANT_DELETED|410|business_rule|no|E1|The tenant has been deleted|租户已被删除
REQ_VALIDATION_FAILED|400|validation|no|E1|The request is not valid|请求无效
REQ_CURSOR_INVALID|400|validation|no|E1|The cursor is not valid for this list|游标无效
REQ_NOT_FOUND|404|validation|no|E1|There is nothing at this address|地址不存在
REQ_METHOD_NOT_ALLOWED|405|validation|no|E1|The method is not allowed here|不允许使用该方法
REQ_UNSUPPORTED_MEDIA_TYPE|415|validation|no|E1|The media type is not supported|不支持的媒体类型
REQ_BODY_TOO_LARGE|413|validation|no|E1|The request body is too large|请求体过大
REQ_PRECONDITION_REQUIRED|428|validation|no|E1|If-Match is required|缺少 If-Match
REQ_PRECONDITION_FAILED|412|validation|no|E1|The resource has changed|资源已被修改
IDEMPOTENCY_MISSING|400|validation|no|E1|Idempotency-Key is missing or malformed|缺少幂等键或格式错误
IDEMPOTENCY_CONFLICT|409|validation|no|E1|The key was used for another request|幂等键已用于其他请求
IDEMPOTENCY_IN_PROGRESS|409|transient|yes|E3|The first call is still running|首次调用仍在进行
TENANT_BACKLOG_FULL|429|transient|yes|E4|Too many queued jobs|排队任务过多
UPLOAD_SESSIONS_LIMIT_EXCEEDED|429|transient|yes|E4|Too many open upload sessions|打开的上传会话过多
VERSION_CONFLICT|409|business_rule|no|E2|The row changed since it was read|数据已被修改
DATA_CORRUPTED|500|permanent|no|E2|Stored data cannot be read|存储的数据无法读取
INTERNAL_ERROR|500|permanent|no|E4|Something went wrong|内部错误
DEPENDENCY_UNAVAILABLE|503|transient|yes|E4|A part of the system does not answer|依赖服务不可用
CIRCUIT_OPEN|503|transient|yes|E4|A failing dependency is not called for a while|依赖熔断中
DEPENDENCY_TIMEOUT|504|transient|yes|E5|A call ran out of time|依赖调用超时
SERVICE_SHUTTING_DOWN|503|transient|yes|E4|The service is shutting down|服务正在关闭
SERVICE_READ_ONLY|503|transient|yes|E4|New work is not accepted at the moment|暂不接受新任务
WF_STEP_TIMEOUT|504|transient|yes|E5|A step ran out of time|步骤超时
CAPABILITY_MISSING|409|business_rule|no|E1|The product cannot do this|系统不具备该能力
CONFIG_INVALID|422|validation|no|E1|A setting is refused|配置无效
PROJECT_NOT_FOUND|404|validation|no|E1|Project not found|项目不存在
SUPPLIER_NOT_FOUND|404|validation|no|E1|Supplier not found|供应商不存在
BID_NOT_FOUND|404|validation|no|E1|Bid not found|投标不存在
RULE_PACK_NOT_FOUND|404|validation|no|E1|Rule pack not found|规则包不存在
CRITERION_NOT_FOUND|404|validation|no|E1|Criterion not found|评审项不存在
UPLOAD_SESSION_NOT_FOUND|404|validation|no|E1|Upload session not found|上传会话不存在
UPLOAD_FILE_NOT_FOUND|404|validation|no|E1|Upload file not found|上传文件不存在
DOC_NOT_FOUND|404|validation|no|E1|Document not found|文档不存在
CHUNK_NOT_FOUND|404|validation|no|E1|Chunk not found|片段不存在
CITATION_NOT_FOUND|404|validation|no|E1|Citation not found|引用不存在
EVALUATION_NOT_FOUND|404|validation|no|E1|Evaluation not found|评审不存在
REVIEW_NOT_FOUND|404|validation|no|E1|Review not found|复核不存在
REPORT_NOT_FOUND|404|validation|no|E1|Report not found|报告不存在
JOB_NOT_FOUND|404|validation|no|E1|Job not found|任务不存在
RUN_NOT_FOUND|404|validation|no|E1|Run not found|运行不存在
RELEASE_NOT_FOUND|404|validation|no|E1|There is no such release|发布版本不存在
RELEASE_BLOCKED|409|business_rule|no|E1|The release is not admitted|发布版本未获准入
REPLAY_E2E_FAILED|500|permanent|no|E3|The restored version did not pass its replay|恢复版本未通过回放
RELEASE_STATE_CONFLICT|409|business_rule|no|E1|The release's state does not allow this|发布版本的状态不允许此操作
DATASET_VERSION_REQUIRED|409|business_rule|no|E1|A release needs a frozen data set version|发布需要已冻结的数据集版本
CODE_TAKEN|409|business_rule|no|E1|The code is in use|编码已被使用
PROJECT_CLOSED|409|business_rule|no|E1|The project accepts no more work|项目已关闭
BATCH_NOT_FOUND|404|validation|no|E1|There is no such batch|批处理不存在
EXPORT_NOT_FOUND|404|validation|no|E1|There is no such export|导出不存在
BATCH_LIMIT_EXCEEDED|422|validation|no|E1|A batch has at most 1,000 items|批处理最多一千项
EXPORT_EXPIRED|410|business_rule|no|E1|The export has expired|导出已过期
UPLOAD_SESSION_EXPIRED|410|business_rule|no|E1|The upload session has expired|上传会话已过期
EVENT_CURSOR_EXPIRED|410|business_rule|no|E1|The event cursor is too old|事件游标已过期
UPLOAD_FILES_LIMIT_EXCEEDED|400|validation|no|E1|More than 64 files or 5 GiB|超过 64 个文件或 5 GiB
UPLOAD_PARTS_INVALID|400|validation|no|E1|Parts are missing, duplicate or of the wrong size|分片缺失、重复或大小不符
INPUT_PRIMARY_REQUIRED|400|validation|no|E1|Exactly one file must be the primary one|必须且只能有一个主文件
UPLOAD_FILE_SIZE_LIMIT_EXCEEDED|413|validation|no|E1|The file is larger than 1 GiB|文件超过 1 GiB
INPUT_UNSUPPORTED_FORMAT|415|validation|no|E1|The file type is not accepted|不支持的文件类型
UPLOAD_SESSION_STATE_CONFLICT|409|business_rule|no|E1|The upload session is not open|上传会话状态冲突
UPLOAD_INCOMPLETE|409|transient|yes|E1|Not all files have arrived|文件尚未全部到达
CHECKSUM_MISMATCH|409|transient|yes|E1|Stored bytes differ from the checksum; upload again|校验和不一致，请重新上传
INPUT_EMPTY_FILE|422|permanent|no|E2|The file is empty|文件为空
INPUT_FILENAME_UNSAFE|422|permanent|no|E1|The file name is not safe|文件名不安全
INPUT_TYPE_MISMATCH|422|permanent|no|E2|The content is not what name or type say|内容与类型不符
INPUT_ARCHIVE_UNSAFE|422|permanent|no|E2|The container has unsafe entries|压缩包含有不安全条目
TEXT_ENCODING_UNSUPPORTED|422|permanent|no|E2|The text encoding is not supported|不支持的文本编码
DOC_PARSE_ENCRYPTED|422|permanent|no|E2|The document needs a password|文档已加密
DOC_PARSE_PDF_CORRUPT|422|permanent|no|E2|The PDF cannot be read|PDF 文件损坏
DOC_PARSE_OFFICE_CORRUPT|422|permanent|no|E2|The office file cannot be read|Office 文件损坏
DOC_EXPANSION_LIMIT_EXCEEDED|422|permanent|no|E2|The file expands beyond the limits|文件展开后超出限制
DOC_PAGE_LIMIT_EXCEEDED|422|permanent|no|E2|The document has more than 2,000 pages; split it|文档超过 2000 页，请拆分
DOC_STORAGE_MISSING|404|permanent|no|E2|The stored file is gone|存储的文件不存在
DOC_NOT_INDEXED|409|business_rule|no|E1|A document is not ready|文档尚未就绪
DOC_PARSE_SCHEMA_INVALID|503|transient|yes|E3|The parser broke its contract|解析结果不符合约定
DOC_PARSE_TIMEOUT|503|transient|yes|E5|Parsing ran out of time|解析超时
DOC_PARSE_MEMORY_LIMIT|503|transient|yes|E3|Parsing ran out of memory|解析内存不足
DOC_PARSE_UNKNOWN_ERROR|503|transient|yes|E3|Parsing failed|解析失败
PARSER_FALLBACK_EXHAUSTED|503|transient|yes|E3|No parser could read the pages|所有解析器均失败
INDEX_WRITE_PARTIAL|503|transient|yes|E3|Some index writes were refused|部分索引写入失败
PARSER_DEPENDENCY_MISSING|500|permanent|no|E4|A parser library is missing|缺少解析依赖
DOC_PAGES_INCOMPLETE|500|permanent|no|E3|Not all pages were read|页面不完整
CHUNKS_INCOMPLETE|500|permanent|no|E3|Not all chunks were stored|片段不完整
EVALUATION_INCOMPLETE|500|permanent|no|E3|Not every criterion has a result|评审结果不完整
INDEX_DIMENSION_MISMATCH|409|business_rule|no|E4|The vector has the wrong dimension|向量维度不符
RAG_RETRIEVAL_TIMEOUT|504|transient|yes|E5|No search branch answered in time|检索超时
RAG_UPSTREAM_UNAVAILABLE|503|transient|yes|E4|No search branch answered|检索服务不可用
RAG_SCOPE_MISSING|500|security_sensitive|no|E4|A query lacks its mandatory filter|查询缺少强制过滤
RAG_CROSS_TENANT_HIT|500|security_sensitive|no|E4|A foreign hit was dropped|命中了其他租户的数据
RULE_PACK_INVALID|422|validation|no|E1|The rule pack is not valid|规则包无效
RULE_OPERATOR_UNKNOWN|422|validation|no|E1|The rule pack names an unknown operator|规则包含未知运算符
RULE_PACK_CYCLE|422|validation|no|E1|Criteria depend on each other in a circle|评审项存在循环依赖
RULE_PACK_LOCKED|409|business_rule|no|E1|The version can no longer change|规则包版本已锁定
RULE_PACK_NOT_ACTIVE|409|business_rule|no|E1|The rule pack version is not active|规则包版本未启用
BID_INCOMPLETE|409|business_rule|no|E1|Required files of the bid are missing|投标文件不完整
EVALUATION_DUPLICATE|409|business_rule|no|E1|The same plan was evaluated already|相同计划已评审
EVALUATION_PLAN_CONFLICT|409|business_rule|no|E1|The inputs changed|输入已改变
BUDGET_EXCEEDED|409|business_rule|no|E3|The budget is used up|预算已用完
LLM_TIMEOUT|504|transient|yes|E5|The model did not answer in time|模型响应超时
LLM_PROVIDER_ERROR|502|transient|yes|E4|The model's provider failed|模型服务出错
LLM_RESPONSE_INVALID|502|transient|yes|E4|The model's answer breaks its schema|模型回答不符合格式
LLM_REFUSED|502|permanent|no|E4|The model declined to answer|模型拒绝回答
MODEL_UNAVAILABLE|503|transient|yes|E4|No model is available|模型不可用
LLM_RESPONSE_INVALID|502|transient|yes|E3|The model broke the form of its answer|模型输出不符合约定
CITATION_QUOTE_MISMATCH|422|permanent|no|E3|A quote differs from its source|引文与原文不符
VERDICT_WITHOUT_EVIDENCE|422|permanent|no|E3|A verdict lacks evidence|结论缺少证据
WF_STATE_TRANSITION_INVALID|409|business_rule|no|E3|The state does not allow this|当前状态不允许此操作
JOB_CANCEL_CONFLICT|409|business_rule|no|E3|The job can no longer be canceled|任务无法取消
WF_STAGE_INVALID|422|validation|no|E3|The stage is unknown or goes backward|阶段无效
WF_INTERRUPT_RESUME_INVALID|409|security_sensitive|no|E3|The resume token is used, replaced or foreign|续办令牌无效
WF_INTERRUPT_REVIEWER_REQUIRED|400|business_rule|no|E1|A decision must come from a person|必须由人员作出决定
WF_INTERRUPT_EXPIRED|410|business_rule|no|E3|The review deadline has passed|复核已过期
WF_CHECKPOINT_NOT_FOUND|404|permanent|no|E3|There is nothing to resume|没有可恢复的检查点
WF_EXECUTION_LOST|500|permanent|no|E3|The execution is gone without a result|执行丢失
WF_PAYLOAD_TOO_LARGE|500|permanent|no|E3|A payload is larger than 200 KiB|负载超过 200 KiB
JOB_CANCELED|409|business_rule|no|E3|The job was canceled|任务已取消
JOB_DEADLINE_EXCEEDED|504|permanent|no|E5|The job missed its deadline|任务超过期限
RECONCILED_STALE_CLAIM|503|transient|yes|E3|The worker of the job went silent|任务的执行者失去响应
REVIEW_CLAIM_CONFLICT|409|business_rule|no|E1|Somebody else holds this review|复核已被他人领取
REVIEW_CLAIM_LOST|409|business_rule|no|E1|Your claim on this review is over|领取已失效
REVIEW_INCOMPLETE|422|validation|no|E1|Some items are not decided|存在未决定的事项
REVIEW_SCORE_OUT_OF_RANGE|422|validation|no|E1|A score is outside its range or step|分数超出范围或步长
APPROVAL_REQUIRED|403|business_rule|no|E1|This needs an approval|需要审批
APPROVAL_SELF_FORBIDDEN|403|business_rule|no|E1|Somebody else must do this|须由他人执行
APPROVAL_NOT_FOUND|404|validation|no|E1|There is no such approval|审批不存在
APPROVAL_DUPLICATE_VOTE|409|business_rule|no|E1|You have voted on this already|您已投票
APPROVAL_STATE_CONFLICT|409|business_rule|no|E1|The approval's state does not allow this|审批状态不允许此操作
APPROVAL_SUBJECT_CHANGED|409|business_rule|no|E2|What was approved has changed since|审批对象已改变
APPROVAL_EXPIRED|409|business_rule|no|E1|The approval has expired|审批已过期
DLQ_ITEM_NOT_FOUND|404|validation|no|E1|There is no such dead letter|死信不存在
DLQ_REQUEUE_CONFLICT|409|business_rule|no|E3|This dead letter cannot be requeued|该死信无法重新排队
DLQ_REPLAY_CONFLICT|409|business_rule|no|E3|This dead letter cannot be replayed|该死信无法重放
DLQ_DISCARD_CONFLICT|409|business_rule|no|E3|This dead letter cannot be discarded|该死信无法丢弃
WEBHOOK_NOT_FOUND|404|validation|no|E1|There is no such webhook or delivery|Webhook 或投递不存在
WEBHOOK_URL_FORBIDDEN|422|validation|no|E1|The URL is not allowed as a target|不允许使用该目标地址
RETENTION_ACTIVE|409|business_rule|no|E2|The object is kept until a date|对象处于保留期内
REPORT_IMMUTABLE|409|business_rule|no|E2|This version exists with other bytes|该版本已存在且不可更改
AUDIT_APPEND_FAILED|503|transient|yes|E4|The audit log did not accept the entry|审计写入失败
"""


def _read(row: str) -> ErrorCode:
    code, http, kind, retry, group, en, zh = row.split("|")
    return ErrorCode(code, int(http), kind, retry == "yes", group, en, zh)


CATALOGUE: dict[str, ErrorCode] = {row.code: row for row in map(_read, _ROWS.strip().splitlines())}
