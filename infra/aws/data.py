"""What must not be lost: Aurora PostgreSQL behind a proxy, objects under lock, and the key of everything."""

from typing import Any

from aws_cdk import Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.aws.network import Network
from infra.aws.stages import Stage

DATABASE = "bidproof"
ENGINE = rds.AuroraPostgresEngineVersion.of("17.6", "17")
OWNER = "bidproof_owner"


def removal(stage: Stage) -> Any:
    """What `make destroy` does to data: kept where deletion_protection says so."""
    return RemovalPolicy.RETAIN if stage.deletion_protection else RemovalPolicy.DESTROY


class Keys(Construct):
    """`data` (rows, objects, secrets) and `messages` (queues, topics), both rotated once a year by KMS."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.data = self._key("Data", stage, "rows, objects, search index and secrets")
        self.messages = self._key("Messages", stage, "queues, topics and logs")
        for service in ("events", "sns", "cloudwatch", "s3"):
            self.messages.grant_encrypt_decrypt(iam.ServicePrincipal(f"{service}.amazonaws.com"))

    def _key(self, id: str, stage: Stage, what: str) -> Any:
        return kms.Key(
            self,
            id,
            description=f"Bidproof {stage.name}: {what}",
            enable_key_rotation=True,
            removal_policy=removal(stage),
            pending_window=Duration.days(30 if stage.deletion_protection else 7),
        )


class Database(Construct):
    """`cluster` and `proxy`; logins authenticate with IAM, so no password of theirs exists."""

    def __init__(self, scope: Construct, id: str, *, name: str, stage: Stage, network: Network, key: Any) -> None:
        super().__init__(scope, id)
        self.cluster = self._cluster(stage, network, key)
        self.endpoint = self.cluster.cluster_endpoint.hostname
        self.admin_secret_arn = self.cluster.node.default_child.attr_master_user_secret_secret_arn
        self.proxy = self._proxy(name, network)
        # arn:aws:rds:<region>:<account>:db-proxy:<id>, and logins are granted by that id
        self.proxy_id = Fn.select(6, Fn.split(":", self.proxy.attr_db_proxy_arn))

    def _cluster(self, stage: Stage, network: Network, key: Any) -> Any:
        return rds.DatabaseCluster(
            self,
            "Cluster",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=ENGINE),
            writer=rds.ClusterInstance.serverless_v2("Writer", enable_performance_insights=True),
            readers=[
                rds.ClusterInstance.serverless_v2(
                    f"Reader{n}", scale_with_writer=True, enable_performance_insights=True
                )
                for n in range(stage.database_readers)
            ],
            serverless_v2_min_capacity=stage.database_min_acu,
            serverless_v2_max_capacity=stage.database_max_acu,
            vpc=network.vpc,
            vpc_subnets=network.private,
            security_groups=[network.database],
            default_database_name=DATABASE,
            credentials=rds.Credentials.from_username("postgres"),
            manage_master_user_password=True,  # made and rotated by RDS in Secrets Manager, every 7 days
            iam_authentication=True,
            storage_encrypted=True,
            storage_encryption_key=key,
            backup=rds.BackupProps(retention=Duration.days(35), preferred_window="01:00-01:30"),
            copy_tags_to_snapshot=True,
            deletion_protection=stage.deletion_protection,
            removal_policy=RemovalPolicy.SNAPSHOT if stage.deletion_protection else RemovalPolicy.DESTROY,
            cloudwatch_logs_exports=["postgresql"],
            parameter_group=self._parameters(),
        )

    def _parameters(self) -> Any:
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=ENGINE),
            description="Bidproof: TLS only, slow statements and lock waits in the log",
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000", "log_lock_waits": "1"},
        )

    def _proxy(self, name: str, network: Network) -> Any:
        """IAM from end to end (DefaultAuthScheme): the proxy needs no secret of a login."""
        role = iam.Role(self, "ProxyRole", assumed_by=iam.ServicePrincipal("rds.amazonaws.com"))
        proxy = rds.CfnDBProxy(
            self,
            "Proxy",
            db_proxy_name=name,
            engine_family="POSTGRESQL",
            default_auth_scheme="IAM_AUTH",
            role_arn=role.role_arn,
            require_tls=True,
            vpc_subnet_ids=network.vpc.select_subnets(subnet_type=network.private.subnet_type).subnet_ids,
            vpc_security_group_ids=[network.database.security_group_id],
        )
        target = rds.CfnDBProxyTargetGroup(
            self,
            "ProxyTarget",
            db_proxy_name=proxy.ref,
            target_group_name="default",
            db_cluster_identifiers=[self.cluster.cluster_identifier],
            connection_pool_configuration_info=rds.CfnDBProxyTargetGroup.ConnectionPoolConfigurationInfoFormatProperty(
                max_connections_percent=90, connection_borrow_timeout=30
            ),
        )
        for instance in self.cluster.node.find_all():
            if isinstance(instance, rds.CfnDBInstance):
                target.add_resource_dependency(instance)
        return proxy


class Objects(Construct):
    """`bucket`: versions, Object Lock, one managed key, TLS only; `access_logs`: who read what."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: Any) -> None:
        super().__init__(scope, id)
        self.access_logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            object_lock_enabled=True,
            removal_policy=removal(stage),
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(400))],
        )
        self.bucket = s3.Bucket(
            self,
            "Objects",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            object_lock_enabled=True,  # COMPLIANCE until the date that comes with the put of a report (S90)
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix="objects/",
            removal_policy=removal(stage),
            lifecycle_rules=self._lifecycle(),
        )
        self._tell_eventbridge()

    def _lifecycle(self) -> list[Any]:
        return [
            s3.LifecycleRule(id="unfinished", abort_incomplete_multipart_upload_after=Duration.days(2)),
            s3.LifecycleRule(
                id="older-versions",
                noncurrent_version_expiration=Duration.days(90),
                noncurrent_version_transitions=[
                    s3.NoncurrentVersionTransition(
                        storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=Duration.days(30)
                    )
                ],
            ),
        ]

    def _tell_eventbridge(self) -> None:
        """Written into the bucket itself: the L2 option would add a function of CDK's own."""
        self.bucket.node.default_child.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )


def master_secret(scope: Construct, *, stage: Stage, key: Any) -> Any:
    """The text that vault, audit, cursor and link keys are derived from; made by Secrets Manager."""
    return secrets.Secret(
        scope,
        "MasterKey",
        description=f"Bidproof {stage.name}: key of vault, audit chain, cursors and links",
        encryption_key=key,
        removal_policy=removal(stage),
        generate_secret_string=secrets.SecretStringGenerator(password_length=64, exclude_punctuation=True),
    )
