"""RoutePages: measure every page, decide how it is read, and plan the ranges (spec W30, P37-P43, P86)."""

from functions.entry import step
from shared.usecases.route_pages import RoutePages, route_pages

handler = step(RoutePages, route_pages)
