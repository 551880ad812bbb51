"""Backups of a stage: a daily copy for 30 days and any moment of the last 35 (spec O70)."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.aws.data import removal
from infra.aws.stages import Stage

DAILY = Duration.days(30)
CONTINUOUS = Duration.days(35)  # the most that AWS Backup keeps continuously


class Backup(Construct):
    """`vault` with two plans. Aurora keeps its 35 days itself (data.py): AWS Backup would only copy that setting.

    The search index is not kept: it is built again from rows."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: Any, cluster: Any, bucket: Any) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self.vault = self._vault(key)
        self._role = self._backup_role()
        daily = backup.BackupPlan(self, "Daily", backup_plan_name=f"bidproof-{stage.name}-daily")
        daily.add_rule(
            backup.BackupPlanRule(
                rule_name="daily",
                backup_vault=self.vault,
                schedule_expression=events.Schedule.cron(hour="2", minute="0"),  # UTC
                start_window=Duration.hours(1),
                completion_window=Duration.hours(6),
                delete_after=DAILY,
                copy_actions=self._copies(),
            )
        )
        continuous = backup.BackupPlan(self, "Continuous", backup_plan_name=f"bidproof-{stage.name}-continuous")
        continuous.add_rule(
            backup.BackupPlanRule(
                rule_name="continuous",
                backup_vault=self.vault,
                schedule_expression=events.Schedule.cron(hour="3", minute="0"),
                enable_continuous_backup=True,
                delete_after=CONTINUOUS,
            )
        )
        rows, objects = (backup.BackupResource.from_arn(arn) for arn in (cluster.cluster_arn, bucket.bucket_arn))
        daily.add_selection("All", resources=[rows, objects], role=self._role)
        continuous.add_selection("Objects", resources=[objects], role=self._role)

    def _vault(self, key: Any) -> Any:
        """Where data is protected nobody may shorten or delete a copy; `changeable_for` would lock even the lock."""
        kept = self._stage.deletion_protection
        return backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=f"bidproof-{self._stage.name}",
            encryption_key=key,
            block_recovery_point_deletion=kept,
            lock_configuration=backup.LockConfiguration(min_retention=DAILY) if kept else None,
            removal_policy=removal(self._stage),
        )

    def _copies(self) -> list[Any]:
        if not self._stage.backup_copy_vault:
            return []
        there = backup.BackupVault.from_backup_vault_arn(self, "Second", self._stage.backup_copy_vault)
        return [backup.BackupPlanCopyActionProps(destination_backup_vault=there, delete_after=DAILY)]

    def _backup_role(self) -> Any:
        policies = ("service-role/AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForS3Backup")
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in policies],
        )
