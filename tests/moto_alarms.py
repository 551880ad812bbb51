"""Alarms in moto's CloudWatch, and the hand that rings them."""

from tests.moto_server import moto_client


def make_alarm(name: str) -> None:
    """An alarm over a metric that nobody writes; its state is set by `ring` alone."""
    moto_client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


def ring(name: str, state: str) -> None:
    """Set the state of an alarm, as CloudWatch would: OK, ALARM or INSUFFICIENT_DATA."""
    moto_client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
