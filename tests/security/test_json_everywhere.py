"""What is not JSON, sent to every route that reads JSON: a 400 in words, and no work."""

from __future__ import annotations

from fastapi import FastAPI
from tests.apps.operations import operations
from tests.apps.problems import any_problem_in
from tests.conftest import Tenant
from tests.security.estate import settle
from tests.security.places import JSON, request_with
from tests.security.seed import tell

NOT_JSON = {
    "nan": b'{"query": NaN}',
    "infinity": b'{"query": "x", "threshold": Infinity}',
    "minus infinity": b'{"query": "x", "threshold": -Infinity}',
    "lone surrogate": rb'{"query": "\ud800"}',
    "lone surrogate in a name": rb'{"\udfff": 1}',
    "nul": rb'{"query": "a\u0000b"}',
    "nul in a name": rb'{"query": "x", "filter": {"a\u0000": 1}}',
    "nul deep inside": rb'{"query": "\u0000", "filter": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "raw nul": b'{"query": "a\0b"}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "invalid utf-8": b'{"query": "\xff\xfe"}',
    "overlong utf-8": b'{"query": "\xc0\x80"}',
    "utf-8 of a surrogate": b'{"query": "\xed\xa0\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"query": "x"}',
    "utf-16": '{"query": "x"}'.encode("utf-16"),
    "half a body": b'{"query": "x"',
    "two bodies": b'{"query": "x"}{"query": "x"}',
    "trailing comma": b'{"query": "x",}',
    "single quotes": b"{'query': 'x'}",
    "a name twice": b'{"query": "x", "query": "y"}',
    "a name twice, once escaped": rb'{"query": "x", "filter": {"a": 1, "\u0061": 2}}',
    "a name twice in a list": b'[{"text": "x", "text": "y"}]',
    "an integer of 5,000 digits": b'{"query": "x", "limit": ' + b"9" * 5000 + b"}",
}


async def test_what_is_not_json_is_a_400_everywhere(app: FastAPI, tenant: Tenant) -> None:
    own = await settle(tenant, "json everywhere")
    count = 0
    reading = [
        o for o in operations(app) if JSON in o.spec.get("requestBody", {}).get("content", {})
    ]
    for operation in reading:
        address = request_with({}, operation, own.ids)["url"]
        for name, body in NOT_JSON.items():
            answer = await tenant.http.request(
                operation.method, address, content=body, headers={"Content-Type": JSON}
            )
            problem = any_problem_in(answer, 400)
            assert problem["code"] == "invalid_json", f"{operation.name}: {name}"
            count += 1
    tell(f"{len(reading)} routes, {len(NOT_JSON)} bodies that are not JSON: {count} answers of 400")
