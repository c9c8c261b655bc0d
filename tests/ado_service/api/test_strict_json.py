"""JSON that readers would not agree on is refused, with its place."""

from __future__ import annotations

import json

import pytest

from ado_service.api.strict_json import parse_json


def test_plain_json_is_read() -> None:
    assert parse_json(b'{"a": [1, -2.5, null, "NaN"], "b": {"a": 1}}') == {
        "a": [1, -2.5, None, "NaN"],
        "b": {"a": 1},
    }


@pytest.mark.parametrize(
    ("text", "marked", "said"),
    [
        ('{"a": "NaN", "b": [1, NaN]}', " NaN]", "NaN is no JSON number; write a number, or null"),
        ('{"a": -Infinity}', " -Inf", "-Infinity is no JSON number"),
        ('{"a": 1, "b": 1e999}', " 1e999", "out of range; write a smaller one"),
        ('{"x": {"a": 1}, "a": 2, "a": 3}', ' "a": 3', "the name 'a' is there twice; keep one"),
        ('{"\\"}{": 1, "\\"}{": 3}', ' "\\"}{": 3', "is there twice"),
        ('[{"a": {}}, {"a": 1, "\\u0061": 3}]', ' "\\u0061"', "the name 'a' is there twice"),
        ('{"a": %s}' % ("9" * 5000), " 999", "a number of 5000 digits is too long; shorten it"),
        ('{"a": }', "}", "Expecting value"),
    ],
)
def test_what_is_refused_is_named_where_it_stands(text: str, marked: str, said: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        parse_json(text.encode())
    assert said in caught.value.msg
    assert caught.value.pos == text.index(marked) + marked.startswith(" ")


def test_what_is_no_text_is_named_at_its_byte() -> None:
    with pytest.raises(json.JSONDecodeError, match="not UTF-8") as caught:
        parse_json(b'{"circuit": "\xff\xfe"}')
    assert caught.value.pos == 13
    with pytest.raises(json.JSONDecodeError, match="nested too deeply; flatten it"):
        parse_json(b"[" * 100_000)
