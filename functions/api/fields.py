"""The types of input fields: typed ids, bounded texts, and objects that refuse what they do not know (spec A4, D24)."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

TAIL = "[0-7][0-9a-hjkmnp-tv-z]{25}"


def _id(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=re.compile(f"^{prefix}_{TAIL}$"))


TenantId = Annotated[str, _id("ten")]
ProjectId = Annotated[str, _id("prj")]
SupplierId = Annotated[str, _id("sup")]
BidId = Annotated[str, _id("bid")]
RulePackId = Annotated[str, _id("rpk")]
CriterionId = Annotated[str, _id("crt")]
UploadId = Annotated[str, _id("upl")]
FileId = Annotated[str, _id("fil")]
DocumentId = Annotated[str, _id("doc")]
ChunkId = Annotated[str, _id("chk")]
CitationId = Annotated[str, _id("cit")]
EvaluationId = Annotated[str, _id("evl")]
ReviewId = Annotated[str, _id("rev")]
ReportId = Annotated[str, _id("rpt")]
BatchId = Annotated[str, _id("bat")]
ExportId = Annotated[str, _id("exp")]
JobId = Annotated[str, _id("job")]
RunId = Annotated[str, _id("run")]
ApprovalId = Annotated[str, _id("apr")]
ReleaseId = Annotated[str, _id("rel")]
DeadLetterId = Annotated[str, _id("dlq")]
WebhookId = Annotated[str, _id("whk")]
DeliveryId = Annotated[str, _id("whd")]

Code = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f](?:[^\x00-\x1f]{0,98}[^\s\x00-\x1f])?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Decimals = Annotated[str, StringConstraints(pattern=r"^-?\d{1,6}(\.\d{1,3})?$")]
Time = AwareDatetime
VersionNumber = Annotated[int, Field(ge=1, le=100_000)]
JsonObject = dict[str, Any]


class Input(BaseModel):
    """An input object. `tenant_id` may repeat the token's tenant and says nothing more (A10)."""

    model_config = ConfigDict(extra="forbid", strict=False)
    tenant_id: TenantId | None = None

    def sent(self) -> dict[str, Any]:
        """The fields that were sent, as Python values."""
        return self.model_dump(exclude_unset=True, exclude={"tenant_id"})

    def filled(self) -> dict[str, Any]:
        """All fields with their defaults."""
        return self.model_dump(exclude={"tenant_id"})


class RulePackRef(BaseModel):
    """One version of a rule pack."""

    model_config = ConfigDict(extra="forbid")
    id: RulePackId
    version: VersionNumber
