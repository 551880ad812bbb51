"""The API as one Lambda function behind the HTTP API gateway."""

import logging

from mangum import Mangum

from functions.api.app import create_app
from shared.wiring import services

logging.getLogger("mangum").setLevel(logging.WARNING)  # each request has a line of our own
handler = Mangum(create_app(services()), lifespan="off")
