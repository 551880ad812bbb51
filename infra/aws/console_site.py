"""What people reach: CloudFront with the console's files and, behind the same address, the HTTP API."""

from typing import Any

from aws_cdk import CfnOutput, CfnParameter, Duration, Stack
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.aws import edge
from infra.aws.data import removal
from infra.aws.stages import Stage

# An empty page, made at the edge while the bucket has no console in it.
_EMPTY = """function handler(event) {
  return {
    statusCode: 200,
    headers: {"content-type": {value: "text/html; charset=utf-8"}, "cache-control": {value: "no-store"}},
    body: "<!doctype html><html lang=en><title>Bidproof</title></html>"
  };
}"""
_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "worker-src 'self' blob:; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TO_API = ("/api/*", "/health/*", "/openapi.json")


class SiteStack(Stack):
    """`bucket` for the console's files, `distribution` in front of it and of the API, the firewall before both."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, api: Any, **given: Any) -> None:
        super().__init__(scope, id, **given)
        self._stage = stage
        self.logs = self._bucket("Logs", owner=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED, days=400)
        self.bucket = self._bucket("Console", owner=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED)
        acl = CfnParameter(self, edge.OUTPUT, description=f"{edge.OUTPUT} of the stack bidproof-{stage.name}-edge")
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Bidproof {stage.name}",
            default_behavior=self._page(),
            additional_behaviors=dict.fromkeys(TO_API, self._to(api)),
            web_acl_id=acl.value_as_string,
            enable_logging=True,
            log_bucket=self.logs,
            log_file_prefix="cloudfront/",
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            **self._name(),
        )
        CfnOutput(self, "Address", value=f"https://{self.distribution.distribution_domain_name}")

    def _name(self) -> dict[str, Any]:
        """The stage's own name; without a certificate CloudFront's name and its certificate."""
        if not self._stage.console_certificate:
            return {}
        certificate = certificates.Certificate.from_certificate_arn(
            self, "Certificate", self._stage.console_certificate
        )
        host = self._stage.console_origin.removeprefix("https://")
        return {"certificate": certificate, "domain_names": [host]}

    def _bucket(self, id: str, *, owner: Any, days: int | None = None) -> Any:
        expiring = [s3.LifecycleRule(id="expire", expiration=Duration.days(days))] if days else []
        older = s3.LifecycleRule(id="older-versions", noncurrent_version_expiration=Duration.days(90))
        logged = {} if id == "Logs" else {"server_access_logs_bucket": self.logs, "server_access_logs_prefix": "s3/"}
        return s3.Bucket(
            self,
            id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=owner,
            versioned=True,
            object_lock_enabled=True,
            removal_policy=removal(self._stage),
            lifecycle_rules=[older, *expiring],
            **logged,
        )

    def _page(self) -> Any:
        empty = cloudfront.Function(
            self,
            "EmptyPage",
            code=cloudfront.FunctionCode.from_inline(_EMPTY),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            response_headers_policy=self._headers(),
            function_associations=[
                cloudfront.FunctionAssociation(function=empty, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
            ],
        )

    def _to(self, api: Any) -> Any:
        """Nothing of the API is kept at the edge, and only HTTPS is spoken on both sides."""
        origin = origins.HttpOrigin(
            f"{api.api_id}.execute-api.{self.region}.{self.url_suffix}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=Duration.seconds(35),  # the API answers within 30 s
        )
        return cloudfront.BehaviorOptions(
            origin=origin,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _headers(self) -> Any:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=_CONTENT, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=True, preload=True, override=True
                ),
            ),
        )
