"""Which test holds which probe of the spike (findings on local workflows, section 7), and what is left out and why."""

import re
from pathlib import Path

import pytest

HELD = {
    "pass_jsonpath": "test_a_pass_puts_its_result_at_the_path",
    "choice_jsonpath": "test_a_choice_takes_the_first_rule_that_holds",
    "choice_no_match": "test_a_choice_without_a_match_fails_the_execution",
    "map_jsonpath": "test_outputs_stand_in_the_order_of_the_items",
    "map_concurrency": "test_no_more_items_run_at_once_than_allowed",
    "lambda_direct": "test_a_task_gets_its_parameters_and_its_result_goes_where_the_paths_say",
    "retry_ok": "test_a_retryable_failure_is_retried_until_it_works",
    "retry_maxdelay": "test_delays_double_up_to_their_limit",
    "retry_count_ctx": "test_the_context_names_execution_state_and_retries",
    "lambda_error_shape": "test_a_permanent_failure_is_not_retried_and_its_cause_carries_the_code",
    "lambda_missing_fn": "test_a_missing_function_is_named_as_lambda_names_it",
    "task_timeout": "test_a_task_that_takes_too_long_times_out_and_its_late_result_is_dropped",
    "callback_success": "test_an_answer_is_the_result_of_the_state",
    "callback_failure": "test_a_failed_answer_is_caught_by_its_name",
    "callback_twice": "test_a_second_answer_is_refused",
    "callback_garbage_token": "test_an_unknown_token_is_refused",
    "callback_timeout": "test_nobody_answers_in_time",
    "callback_heartbeat_timeout": "test_a_missing_heartbeat_ends_the_wait",
    "callback_heartbeat_keeps": "test_heartbeats_keep_the_wait_alive",
    "callback_lambda_fails": "test_a_function_that_fails_fails_the_wait_at_once",
    "callback_in_map": "test_each_item_of_a_map_has_its_own_token",
    "map_item_fails": "test_a_failed_item_fails_the_map_and_is_caught_there",
    "stop_execution": "test_a_stopped_execution_takes_no_answer",
    "redrive, redrive_map": "test_a_half_done_map_runs_its_failed_and_unbegun_items_only",
    "name_idempotent": "test_a_name_keeps_its_first_input",
    "exec_timeout": "test_a_machine_s_timeout_ends_the_execution",
    "context_object": "test_the_context_names_execution_state_and_retries",
    "data_limit": "test_a_result_above_256_kib_fails_the_execution_past_every_catch",
    "invalid_definition": "test_an_invalid_definition_fails_and_spoils_no_later_one",
    "update_running_keeps_def": "test_a_running_execution_keeps_its_definition",
    "kill9": "test_a_waiting_token_survives_kill_9",
    "crash": "test_pipelines_killed_in_the_map_and_before_and_between_the_answers_all_end_right",
    "half-done Map": "test_a_map_killed_halfway_continues_with_the_items_not_done",
    "boundary": "test_three_hundred_items_come_back_in_order",
}
LEFT_OUT = {
    "JSONata, variables, intrinsics, filters, Parallel, fail_path, distributed Maps, activities": "outside of W4",
    "lambda:invoke without a token, sqs, aws-sdk, events, nested executions": "outside of W4: Tasks name functions",
    "history, list_and_filter, express_sync, test_state, validate_api, versions, tags": "the port has no such call",
    "status_change_event": "the reconcilers read how executions ended",
    "lambda_own_timeout": "local functions have no time limit of their own, only that of their state",
    "stackTrace in causes": "causes are stored and shown; traces go to the log",
}


def known_tests() -> set[str]:
    """The names of all tests beside and in the unit tests."""
    here = Path(__file__).parent
    files = [*here.glob("test_*.py"), *(here.parent / "unit").glob("test_asl_*.py")]
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)}


@pytest.mark.parametrize("probe", HELD)
def test_a_probe_is_held_by_a_test_that_stands(probe: str) -> None:
    assert HELD[probe] in known_tests()
