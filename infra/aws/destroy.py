"""Whether a stage may be destroyed: `make destroy STAGE=` asks here first, and this refuses what holds data."""

import sys

from infra.aws.stages import Stage, read_stage


def refusal(stage: Stage) -> str:
    """Why the stage stays, or an empty text."""
    if stage.name == "prod":
        return "prod is never destroyed by a command"
    if stage.deletion_protection:
        return f"{stage.name} has deletion_protection in stages.toml; its database and objects would be lost"
    return ""


def main(arguments: list[str]) -> int:
    """0 when the stage may go, else 2 and why it may not."""
    reason = refusal(read_stage(arguments[0]))
    if reason:
        print(f"nothing was destroyed: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
