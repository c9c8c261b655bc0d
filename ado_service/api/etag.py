"""Strong entity tags: a client that has the present version is told so, and sent nothing."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from fastapi import Header
from starlette.responses import Response

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=4000,
        description="Entity tags that the client has; 304 when the present one is among them.",
    ),
]

_SERVICE = version("ado-service")


def etag(mark: object) -> str:
    """The tag of a resource whose content is `mark`'s, as this version of the service writes it."""
    return f'"{mark}-{_SERVICE}"'


def unchanged(tag: str, if_none_match: str | None) -> Response | None:
    """304 when the client has `tag` already, else None."""
    known = {one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")}
    if tag not in known and "*" not in known:
        return None
    return Response(status_code=304, headers=headers(tag))


def headers(tag: str) -> dict[str, str]:
    """The headers of a tagged answer: kept by the client, but asked for anew each time."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}
