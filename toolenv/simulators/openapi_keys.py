"""Keys for OpenAPI's security schemes, from the environment; they go nowhere but into requests.

The variable of a scheme is ``TOOLENV_<TOOL>_<SCHEME>``, unless another is named: in capitals, with
an underscore for everything that is neither a letter nor a digit.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from toolenv.errors import ConfigurationError
from toolenv.formats.openapi import Route
from toolenv.formats.openapi.routes import Scheme
from toolenv.simulators.openapi_requests import Credentials

__all__ = ["Keys", "variable_of"]


def variable_of(tool: str, scheme: str) -> str:
    """The environment variable that holds a scheme's key.

    Example:
        >>> variable_of("Swagger Petstore", "api_key")
        'TOOLENV_SWAGGER_PETSTORE_API_KEY'
    """
    name = re.sub("[^A-Z0-9]+", "_", f"{tool}_{scheme}".upper()).strip("_")
    return f"TOOLENV_{name}"


class Keys:
    """The keys that are set, read once.

    Args:
        routes: Tools and the routes of their APIs.
        named: Scheme to environment variable, where it is not that of ``variable_of``.

    Raises:
        ConfigurationError: A named scheme does not exist, or a key cannot be sent.
    """

    def __init__(self, routes: Iterable[tuple[str, Route]], named: Mapping[str, str]) -> None:
        self._named = dict(named)
        self._keys: dict[str, str] = {}
        known: set[str] = set()
        for tool, route in routes:
            for name in route.schemes:
                known.add(name)
                variable = self.variable(tool, name)
                key = os.environ.get(variable, "").strip()
                if key and not (key.isascii() and key.isprintable()):
                    raise ConfigurationError(
                        "The key holds characters that cannot be sent.",
                        where=variable,
                        fix="Set it again.",
                    )
                if key:
                    self._keys[variable] = key
        unknown = sorted(set(named) - known)
        if unknown:
            raise ConfigurationError(
                f"There is no security scheme {unknown[0]!r}.",
                where="keys",
                fix=f"The schemes are {', '.join(sorted(known)) or 'none'}.",
            )

    def __repr__(self) -> str:
        return f"Keys({', '.join(sorted(self._keys))})"

    @property
    def secrets(self) -> list[str]:
        """The keys themselves and the forms in which they are sent."""
        encoded = [_basic(key) for key in self._keys.values() if ":" in key]
        passwords = [key.partition(":")[2] for key in self._keys.values() if ":" in key]
        return [*self._keys.values(), *encoded, *passwords]

    def variable(self, tool: str, scheme: str) -> str:
        """The environment variable of a tool's scheme."""
        return self._named.get(scheme) or variable_of(tool, scheme)

    def missing(self, tool: str, route: Route) -> list[str]:
        """The variables, one of each alternative's, without which an API cannot be called."""
        if not route.security or () in route.security or self._satisfied(tool, route) is not None:
            return []
        asked = [[self.variable(tool, one) for one in names] for names in route.security]
        return [next((name for name in one if name not in self._keys), one[0]) for one in asked]

    def credentials(self, tool: str, route: Route) -> Credentials:
        """What lets a call in: the first alternative whose keys are all set, else nothing."""
        headers: dict[str, str] = {}
        query: list[str] = []
        cookies: list[str] = []
        for name in self._satisfied(tool, route) or ():
            key = self._keys[self.variable(tool, name)]
            scheme = route.schemes[name]
            if scheme.type == "apiKey":
                pair = f"{quote(scheme.name, safe='')}={quote(key, safe='')}"
                if scheme.place == "query":
                    query.append(pair)
                elif scheme.place == "cookie":
                    cookies.append(pair)
                else:
                    headers[scheme.name] = key
            elif _is_basic(scheme):
                headers["Authorization"] = f"Basic {_basic(key)}"
            else:
                headers["Authorization"] = f"Bearer {key}"
        return Credentials(headers, tuple(query), tuple(cookies))

    def _satisfied(self, tool: str, route: Route) -> tuple[str, ...] | None:
        for alternative in route.security:
            known = all(
                self.variable(tool, one) in self._keys and route.schemes[one].type != "mutualTLS"
                for one in alternative
            )
            if alternative and known:
                return alternative
        return None


def _is_basic(scheme: Scheme) -> bool:
    return scheme.type == "http" and scheme.scheme == "basic"


def _basic(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
