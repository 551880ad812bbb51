"""The API process of one machine: uvicorn on 127.0.0.1."""

from urllib.parse import urlsplit

import uvicorn

from functions.api.app import create_app
from infra.local.lifeline import end_with_parent
from shared.adapters.json_logs import log_json
from shared.wiring import services


def main() -> None:
    """Serve until SIGTERM, or until the parent process is gone."""
    end_with_parent()
    made = services()
    log_json(made.settings.log_level)
    address = urlsplit(made.settings.public_url)
    uvicorn.run(
        create_app(made),
        host="127.0.0.1",
        port=address.port or 8080,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    main()
