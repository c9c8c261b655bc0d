"""The one shape of every error: a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_LONGEST = 2000
_MOST_ERRORS = 50

Place = Literal["body", "query", "path", "header"]


class InvalidField(BaseModel):
    """One thing wrong with a request."""

    location: Place = Field(description="The part of the request that it stands in.")
    pointer: str = Field(
        description="JSON Pointer (RFC 6901) into that part; empty for the whole of it."
    )
    detail: str = Field(description="What is wrong and what to do.")


class CircuitFinding(BaseModel):
    """One thing wrong with a circuit."""

    file: str = Field(description="The file that it stands in.")
    line: int | None = Field(default=None, description="From 1; absent when it is no one line.")
    problem: str = Field(description="What is wrong.")
    cure: str = Field(description="What to do.")


class Problem(BaseModel):
    """An error, as RFC 9457 writes it. `type` names its kind, `errors` the fields at fault."""

    type: str = Field(description="A stable name for the kind of error.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened and what to do.")
    errors: list[InvalidField] | None = Field(
        default=None, description="The fields at fault; absent when no field is."
    )
    findings: list[CircuitFinding] | None = Field(
        default=None, description="All that is wrong with a circuit; absent of other errors."
    )


class ProblemError(Exception):
    """An error of a request, to be answered with its problem document.

    Args:
        status: HTTP status.
        kind: short name, the end of `type`.
        detail: what happened and what to do.
        errors: the fields at fault.
        findings: what is wrong with a circuit.
        headers: to send along.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        errors: Sequence[InvalidField] = (),
        headers: Mapping[str, str] | None = None,
        findings: Sequence[CircuitFinding] = (),
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.problem = Problem(
            type=f"urn:problem-type:ado:{kind}",
            title=_title(status),
            status=status,
            detail=_plain(detail),
            errors=[_cleaned(error) for error in errors[:_MOST_ERRORS]] or None,
            findings=[_legible(finding) for finding in findings[:_MOST_ERRORS]] or None,
        )

    @property
    def response(self) -> Response:
        """The answer."""
        return Response(
            self.problem.model_dump_json(exclude_none=True),
            status_code=self.problem.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def invalid(location: Place, pointer: str, detail: str) -> ProblemError:
    """The error of a request with one field at fault."""
    return ProblemError(
        422,
        "invalid-request",
        "the request is not valid: see errors",
        [InvalidField(location=location, pointer=pointer, detail=detail)],
    )


def _title(status: int) -> str:
    # These two were renamed by RFC 9110; Python 3.11 has the old names.
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}
    return renamed.get(status) or HTTPStatus(status).phrase


def _cleaned(error: InvalidField) -> InvalidField:
    return InvalidField(
        location=error.location, pointer=_plain(error.pointer), detail=_plain(error.detail)
    )


def _legible(finding: CircuitFinding) -> CircuitFinding:
    texts = {name: _plain(getattr(finding, name)) for name in ("file", "problem", "cure")}
    return finding.model_copy(update=texts)


def _plain(text: str) -> str:
    """`text` as UTF-8 can carry it, and no longer than anyone would read."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text.encode("utf-8", "replace").decode()
