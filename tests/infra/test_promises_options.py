"""What a stage may choose: providers of sign-in, a redirect, a second vault, a certificate (issue 5, spec S10, O70)."""

import dataclasses
from typing import Any

import infra.aws  # noqa: F401  # names the Node that CDK runs on, before CDK is imported

# isort: split
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3

from infra.aws.backup import Backup
from infra.aws.console_site import SiteStack
from infra.aws.identity import Identity
from infra.aws.stages import Stage, read_stage
from tests.infra.template_parts import written

PLACE = Environment(region="eu-central-1")


def stage(**chosen: Any) -> Stage:
    return dataclasses.replace(read_stage("prod"), **chosen)


def made(app: App, name: str) -> dict[str, list[dict[str, Any]]]:
    """Type -> properties of the resources of one stack."""
    found: dict[str, list[dict[str, Any]]] = {}
    for body in app.synth().get_stack_by_name(name).template.get("Resources", {}).values():
        found.setdefault(body["Type"], []).append(body.get("Properties", {}))
    return found


def identity(**chosen: Any) -> tuple[Identity, dict[str, list[dict[str, Any]]]]:
    app = App()
    stack = Stack(app, "identity", env=PLACE)
    return Identity(stack, "Identity", stage=stage(**chosen), prefix="bidproof-prod-"), made(app, "identity")


def console(resources: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    [client] = [row for row in resources["AWS::Cognito::UserPoolClient"] if not row.get("GenerateSecret")]
    return client


def test_entra_id_and_google_sign_in_with_secrets_that_only_cloudformation_reads() -> None:
    _, resources = identity(entra_tenant="4f0e", google_login=True)
    providers = {row["ProviderName"]: row for row in resources["AWS::Cognito::UserPoolIdentityProvider"]}
    assert providers.keys() == {"EntraId", "Google"}
    assert providers["EntraId"]["ProviderDetails"]["oidc_issuer"] == "https://login.microsoftonline.com/4f0e/v2.0"
    for row in providers.values():
        assert "{{resolve:secretsmanager:" in written(row["ProviderDetails"]["client_secret"])
        assert "custom:tenant_id" not in row["AttributeMapping"]  # a provider never says which tenant an account is of
    assert set(console(resources)["SupportedIdentityProviders"][1:]) != set()


def test_without_them_there_is_no_provider_but_the_pool() -> None:
    _, resources = identity()
    assert "AWS::Cognito::UserPoolIdentityProvider" not in resources
    assert console(resources)["SupportedIdentityProviders"] == ["COGNITO"]


def test_a_stage_with_a_console_gets_the_code_flow_with_its_exact_redirects() -> None:
    _, resources = identity(console_origin="https://bids.example.org")
    client = console(resources)
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == ["https://bids.example.org/auth/callback"]
    assert client["LogoutURLs"] == ["https://bids.example.org/"]


def test_a_stage_with_another_issuer_has_no_user_pool() -> None:
    it, resources = identity(oidc_issuer="https://login.example.org/", oidc_audience="bids smoke")
    assert "AWS::Cognito::UserPool" not in resources
    assert (it.pool, it.machines) == (None, {})
    assert (it.issuer, it.audience, it.audiences) == ("https://login.example.org/", "bids smoke", ["bids", "smoke"])
    assert it.jwks_url == "https://login.example.org/.well-known/jwks.json"


def test_daily_backups_are_copied_to_a_second_account_where_a_stage_names_its_vault() -> None:
    for vault in ("", "arn:aws:backup:eu-central-1:210987654321:backup-vault:second"):
        app = App()
        stack = Stack(app, "backup", env=PLACE)
        bucket = s3.Bucket.from_bucket_name(stack, "Objects", "objects")
        cluster = rds.DatabaseCluster.from_database_cluster_attributes(stack, "Rows", cluster_identifier="rows")
        key = kms.Key(stack, "Key")
        Backup(stack, "Backup", stage=stage(backup_copy_vault=vault), key=key, cluster=cluster, bucket=bucket)
        rules = {
            row["RuleName"]: row
            for plan in made(app, "backup")["AWS::Backup::BackupPlan"]
            for row in plan["BackupPlan"]["BackupPlanRule"]
        }
        copies = [{"DestinationBackupVaultArn": vault, "Lifecycle": {"DeleteAfterDays": 30}}] if vault else []
        assert rules["daily"].get("CopyActions", []) == copies
        assert "CopyActions" not in rules["continuous"]  # a continuous copy cannot leave its vault


def test_with_a_certificate_the_site_has_its_own_name_and_tls_1_2() -> None:
    app = App()
    api = gateway.HttpApi(Stack(app, "api", env=PLACE), "Api")
    chosen = stage(
        console_origin="https://bids.example.org",
        console_certificate="arn:aws:acm:us-east-1:123456789012:certificate/1",
    )
    SiteStack(app, "site", stage=chosen, api=api, env=PLACE)
    [row] = made(app, "site")["AWS::CloudFront::Distribution"]
    assert row["DistributionConfig"]["Aliases"] == ["bids.example.org"]
    assert row["DistributionConfig"]["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
