"""Who may talk to the server: keys, and what stands in for them on loopback."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ado_service.api.problem import ProblemError

OPEN = frozenset({"/v1/healthz", "/openapi.json"})
"""Addresses that need no key: a sign of life, and what the API looks like."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is this machine talking to itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Lets a request through, or answers 401 or 403.

    With a key, every address but the `OPEN` ones needs it as `Authorization: Bearer`. Without
    one, the server listens on loopback only (see `serve.check_bind`) and the danger is a web page
    in the user's own browser: a request is refused whose Host is not a loopback name (DNS
    rebinding) or which the browser says comes from another site.
    """

    def __init__(self, app: ASGIApp, api_key: SecretStr | None) -> None:
        self._app = app
        self._key = _digest(api_key.get_secret_value()) if api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal.response(scope, receive, send)

    def _refusal(self, scope: Scope) -> ProblemError | None:
        headers = Headers(scope=scope)
        if self._key is None:
            return _foreign(headers, scope["method"])
        if scope["path"] in OPEN or self._has_key(headers):
            return None
        return ProblemError(
            401,
            "unauthorized",
            "this address needs the server's key; send it as Authorization: Bearer KEY",
            headers={"WWW-Authenticate": 'Bearer realm="ado"'},
        )

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Digests have one length, so that comparing them tells nothing about the key's.
        return scheme.lower() == "bearer" and hmac.compare_digest(
            _digest(given.strip()), self._key or b""
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _foreign(headers: Headers, method: str) -> ProblemError | None:
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return ProblemError(
            403,
            "foreign-host",
            f"this server answers to localhost only, not to {host or 'no name'!r}; "
            "set ADO_API_KEY to serve other names",
        )
    site = headers.get("sec-fetch-site", "none")
    refused = {"cross-site"} if method in _SAFE else {"cross-site", "same-site"}
    if site in refused:
        return ProblemError(
            403, "cross-site", "a page of another site sent this request; open the API directly"
        )
    return None


def _name(host: str) -> str:
    """The name or address in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
