"""What every stage promises about data: stores, keys, backups and secrets (issue 5, spec S90, S96, S99, O70)."""

import re
from collections.abc import Callable

import pytest

from tests.infra.conftest import Templates
from tests.infra.template_parts import STAGES, denies_plain_http, functions, statements, texts, written

pytestmark = pytest.mark.parametrize("stage", STAGES)
Asked = Callable[[str], Templates]
SECRET_NAME = re.compile(r"password|secret|token|credential|(?<!kms)key$|passwd|pwd", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|eyJ[\w-]{10,}\.[\w-]{10,}\.|://[^/\s:@]+:[^/\s:@{]+@|sk-[A-Za-z0-9]{20,}"
)


def test_every_bucket_is_locked_versioned_private_and_encrypted(templates: Asked, stage: str) -> None:
    for id, body in templates(stage).resources("AWS::S3::Bucket").items():
        bucket = body["Properties"]
        assert bucket["ObjectLockEnabled"] is True, id
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, id
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, id
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, id
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("aws:kms", "AES256"), id
        assert bucket["LifecycleConfiguration"]["Rules"], id


def test_every_bucket_and_every_queue_refuses_plain_http(templates: Asked, stage: str) -> None:
    for kind, policies, names in (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
    ):
        guarded = {
            ref["Ref"]
            for body in templates(stage).resources(policies).values()
            if denies_plain_http(body["Properties"]["PolicyDocument"])
            for ref in (body["Properties"][names] if names == "Queues" else [body["Properties"][names]])
        }
        assert set(templates(stage).resources(kind)) == guarded


def test_the_bucket_of_documents_has_the_managed_key_and_tells_the_bus(templates: Asked, stage: str) -> None:
    [bucket] = [
        body["Properties"]
        for id, body in templates(stage).resources("AWS::S3::Bucket").items()
        if id.startswith("Objects") and "AccessLogs" not in id
    ]
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" and rule["BucketKeyEnabled"] is True
    assert "KeysData" in written(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}
    rules = written(bucket["LifecycleConfiguration"])
    assert "AbortIncompleteMultipartUpload" in rules and "NoncurrentVersionExpiration" in rules
    assert "ExpirationInDays" not in rules  # current documents end by retention, decided row by row (S93)
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == "objects/"


def test_keys_rotate_and_wait_before_they_are_deleted(templates: Asked, stage: str) -> None:
    keys = templates(stage).resources("AWS::KMS::Key")
    assert len(keys) == 2
    for id, body in keys.items():
        assert body["Properties"]["EnableKeyRotation"] is True, id
        assert body["Properties"]["PendingWindowInDays"] >= 7, id


def test_the_database_is_private_encrypted_kept_35_days_and_entered_by_iam_over_tls(
    templates: Asked, stage: str
) -> None:
    made = templates(stage)
    [cluster] = [body["Properties"] for body in made.resources("AWS::RDS::DBCluster").values()]
    assert cluster["StorageEncrypted"] is True and "KeysData" in written(cluster["KmsKeyId"])
    assert cluster["BackupRetentionPeriod"] == 35
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    assert cluster["ManageMasterUserPassword"] is True and "MasterUserPassword" not in cluster
    assert cluster["DeletionProtection"] is (stage != "dev")
    assert not [body for body in made.resources("AWS::RDS::DBInstance").values() if _public(body["Properties"])]
    [parameters] = made.resources("AWS::RDS::DBClusterParameterGroup").values()
    assert parameters["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    [proxy] = [body["Properties"] for body in made.resources("AWS::RDS::DBProxy").values()]
    assert proxy["RequireTLS"] is True and proxy["DefaultAuthScheme"] == "IAM_AUTH" and "Auth" not in proxy
    assert "private" in written(proxy["VpcSubnetIds"]).lower()


def _public(instance: dict) -> bool:
    return instance.get("PubliclyAccessible", False) is not False


def test_no_security_group_lets_in_an_address(templates: Asked, stage: str) -> None:
    """Groups let in groups, so nothing outside of the network reaches the database, search or an endpoint."""
    made = templates(stage)
    for id, body in made.resources("AWS::EC2::SecurityGroup").items():
        assert body["Properties"].get("SecurityGroupIngress", []) == [], id
    for id, body in made.resources("AWS::EC2::SecurityGroupIngress").items():
        assert "SourceSecurityGroupId" in body["Properties"] and "CidrIp" not in body["Properties"], id


def test_search_is_in_the_network_encrypted_signed_and_fine_grained(templates: Asked, stage: str) -> None:
    [domain] = [body["Properties"] for body in templates(stage).resources("AWS::OpenSearchService::Domain").values()]
    assert domain["EngineVersion"] == "OpenSearch_2.19"
    assert domain["VPCOptions"]["SubnetIds"] and domain["VPCOptions"]["SecurityGroupIds"]
    assert domain["EncryptionAtRestOptions"]["Enabled"] is True and "KmsKeyId" in domain["EncryptionAtRestOptions"]
    assert domain["NodeToNodeEncryptionOptions"] == {"Enabled": True}
    assert domain["DomainEndpointOptions"] == {
        "EnforceHTTPS": True,
        "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }
    security = domain["AdvancedSecurityOptions"]
    assert security["Enabled"] is True and security["InternalUserDatabaseEnabled"] is False
    assert "AnonymousAuthEnabled" not in security or security["AnonymousAuthEnabled"] is False
    for statement in domain["AccessPolicies"]["Statement"]:
        assert statement["Principal"] not in ("*", {"AWS": "*"}) and "root" in written(statement["Principal"])
    assert {log for log, row in domain["LogPublishingOptions"].items() if row["Enabled"]} == {
        "SEARCH_SLOW_LOGS",
        "INDEX_SLOW_LOGS",
        "ES_APPLICATION_LOGS",
        "AUDIT_LOGS",
    }


def test_the_first_user_of_search_is_assumed_by_one_function_and_by_people_and_writes_two_documents(
    templates: Asked, stage: str
) -> None:
    made = templates(stage)
    [domain] = [body["Properties"] for body in made.resources("AWS::OpenSearchService::Domain").values()]
    first = domain["AdvancedSecurityOptions"]["MasterUserOptions"]["MasterUserARN"]["Fn::GetAtt"][0]
    trust = made.resources("AWS::IAM::Role")[first]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert {(row["Effect"], row["Action"], '":root"' in written(row["Principal"])) for row in trust} == {
        ("Allow", "sts:AssumeRole", True)
    }
    function, people = (written(row["Condition"]) for row in trust)
    assert '"ArnEquals": {"aws:PrincipalArn"' in function and f":role/bidproof-{stage}-admit_search_roles" in function
    assert '"ArnNotLike": {"aws:PrincipalArn"' in people and f":role/bidproof-{stage}-*" in people
    named = made.resources("AWS::Lambda::Function").values()
    [role] = [
        body["Properties"]["Role"]["Fn::GetAtt"][0]
        for body in named
        if body["Properties"].get("FunctionName") == f"bidproof-{stage}-admit_search_roles"
    ]
    assert made.resources("AWS::IAM::Role")[role]["Properties"]["RoleName"] == f"bidproof-{stage}-admit_search_roles"
    [allowed] = [row for role, row in statements(made) if role == first]
    assert allowed["Action"] == ["es:ESHttpGet", "es:ESHttpPut"]
    paths = [written(arn).partition(f":domain/bidproof-{stage}")[2].partition('"')[0] for arn in allowed["Resource"]]
    assert paths == ["/_plugins/_security/api/roles/bidproof", "/_plugins/_security/api/rolesmapping/bidproof"]


def test_backups_are_daily_for_30_days_and_continuous_for_35_in_a_locked_vault(templates: Asked, stage: str) -> None:
    made = templates(stage)
    [vault] = [body["Properties"] for body in made.resources("AWS::Backup::BackupVault").values()]
    assert "KeysData" in written(vault["EncryptionKeyArn"])
    assert ("LockConfiguration" in vault and "AccessPolicy" in vault) is (stage != "dev")
    plans = {
        rule["RuleName"]: rule
        for body in made.resources("AWS::Backup::BackupPlan").values()
        for rule in body["Properties"]["BackupPlan"]["BackupPlanRule"]
    }
    assert plans["daily"]["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert plans["daily"]["Lifecycle"] == {"DeleteAfterDays": 30}
    assert plans["continuous"]["EnableContinuousBackup"] is True
    assert plans["continuous"]["Lifecycle"] == {"DeleteAfterDays": 35}
    selections = {
        id: written(body["Properties"]["BackupSelection"]["Resources"])
        for id, body in made.resources("AWS::Backup::BackupSelection").items()
    }
    assert any("DatabaseCluster" in chosen and "Objects" in chosen for chosen in selections.values())
    assert all("Objects" in chosen for chosen in selections.values()) and len(selections) == 2


def test_no_template_holds_a_secret(templates: Asked, stage: str) -> None:
    for name, template in templates(stage).of.items():
        assert [text for text in texts(template) if SECRET_TEXT.search(text)] == [], name


def test_no_environment_variable_holds_a_secret_only_where_one_is_kept(templates: Asked, stage: str) -> None:
    for name, row in functions(templates(stage), stage).items():
        for variable, value in row.get("Environment", {}).get("Variables", {}).items():
            if SECRET_NAME.search(variable):
                assert variable.endswith("_ARN") and not isinstance(value, str), f"{name}: {variable}"
        assert row.get("KmsKeyArn") or not row.get("Environment"), name


def test_no_parameter_and_no_output_is_a_secret(templates: Asked, stage: str) -> None:
    for template in templates(stage).of.values():
        for name in {**template.get("Parameters", {}), **template.get("Outputs", {})}:
            assert not re.search(r"password|secretvalue|token", name, re.IGNORECASE), name
    for id, body in templates(stage).resources("AWS::SecretsManager::Secret").items():
        assert "SecretString" not in body["Properties"], id
        assert "KmsKeyId" in body["Properties"] and body["Properties"]["GenerateSecretString"], id


def test_what_holds_data_survives_the_stack_where_it_is_protected(templates: Asked, stage: str) -> None:
    wanted = {"dev": {"Delete"}, "staging": {"Retain", "Snapshot"}, "prod": {"Retain", "Snapshot"}}[stage]
    for kind in (
        "AWS::S3::Bucket",
        "AWS::RDS::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::KMS::Key",
        "AWS::SecretsManager::Secret",
        "AWS::Cognito::UserPool",
        "AWS::Backup::BackupVault",
    ):
        for id, body in templates(stage).resources(kind).items():
            assert body["DeletionPolicy"] in wanted, id
