"""OpenAPI descriptions as APIs, and what an imported API keeps of its description."""

from toolenv.formats.openapi.description import parse_openapi, read_openapi
from toolenv.formats.openapi.imported import read_apis, read_listed_apis
from toolenv.formats.openapi.routes import Placement, Route, placement_of, route_of
from toolenv.formats.openapi.text import LONGEST

__all__ = [
    "LONGEST",
    "Placement",
    "Route",
    "parse_openapi",
    "placement_of",
    "read_apis",
    "read_listed_apis",
    "read_openapi",
    "route_of",
]
