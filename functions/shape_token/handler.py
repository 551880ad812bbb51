"""Put the tenant into an access token; the user pool calls it before it signs one (spec S7)."""

from functions.sign_in import token_trigger
from shared.usecases.shape_token import ShapeToken, shape_token

handler = token_trigger(ShapeToken, shape_token)
