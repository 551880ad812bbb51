"""The API as one Lambda function behind the HTTP API gateway."""

from mangum import Mangum

from functions.api.app import create_app
from shared.wiring import services

handler = Mangum(create_app(services()), lifespan="off")
