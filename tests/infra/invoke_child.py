"""What Lambda does with an unpacked bundle: load the handler once, then answer one event per line of standard input.

Run with `python -I -S`. The first argument is JSON with `paths`, `name` and `seconds`; an answer is JSON with `result`,
or with the name of the exception as Lambda would report it.
"""

import importlib
import json
import os
import sys
import time


class Context:
    """The part of Lambda's context object that our code may use (Lambda developer guide, Python context object)."""

    def __init__(self, name: str, number: int, seconds: float) -> None:
        self.function_name = f"bidproof-dev-{name}"
        self.function_version = "1"
        self.invoked_function_arn = f"arn:aws:lambda:eu-central-1:123456789012:function:{self.function_name}:live"
        self.memory_limit_in_mb = 512
        self.aws_request_id = f"00000000-0000-0000-0000-{number:012d}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "2026/11/21/[1]0"
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until the function's timeout."""
        return int((self._end - time.monotonic()) * 1000)


def main() -> None:
    """Answer until standard input ends. Whatever the product prints goes to standard error."""
    given = json.loads(sys.argv[1])
    answers, sys.stdout = sys.stdout, sys.stderr
    sys.path[:0] = given["paths"]
    handler = importlib.import_module(f"functions.{given['name']}.handler").handler
    for number, line in enumerate(sys.stdin):
        try:
            answer = {"result": handler(json.loads(line), Context(given["name"], number, given["seconds"]))}
        except Exception as error:  # noqa: BLE001 - Lambda reports any of them by its name
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
