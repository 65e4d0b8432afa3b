"""Whatever is sent, the answer says what is wrong with it, and is never a 500."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from tests.conftest import MakeTenant, Tenant, upload

from groundwell.services import Services

JSON = {"Content-Type": "application/json"}
FIELDS = {"type", "title", "status", "detail", "instance", "code", "message", "fallback_used"}


def problem_in(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) >= FIELDS
    assert problem["status"] == status
    assert problem["message"] == problem["detail"]
    assert problem["instance"] == response.headers["x-request-id"]
    assert problem["fallback_used"] is False
    assert len(response.content) < 10_000
    return problem


@pytest.fixture(scope="module")
async def client(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


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
    "an integer of 5,000 digits": b'{"query": "x", "limit": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/ask", "/query", "/documents/batch"])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_a_400(client: Tenant, path: str, body: bytes) -> None:
    problem = problem_in(await client.http.post(path, content=body, headers=JSON), 400)
    assert problem["code"] == "invalid_json"


WRONG = {
    "nothing": b"{}",
    "null": b"null",
    "a list": b'[{"query": "x"}]',
    "a string": b'"query"',
    "a number for text": b'{"query": 5}',
    "null for text": b'{"query": null}',
    "no text": b'{"query": " \\n\\t "}',
    "one megabyte of text": b'{"query": "' + b"x" * 1_000_000 + b'"}',
    "one field too many": b'{"query": "x", "tenant_id": "y"}',
    "a limit of a billion": b'{"query": "x", "limit": 1000000000}',
    "a limit of zero": b'{"query": "x", "limit": 0}',
    "a limit of 20 digits": b'{"query": "x", "limit": 99999999999999999999}',
    "a fraction": b'{"query": "x", "limit": 1.5}',
    "a threshold of two": b'{"query": "x", "threshold": 2}',
    "a huge threshold": b'{"query": "x", "threshold": 1e308}',
    "a strange search type": b'{"query": "x", "search_type": "magic"}',
    "a collection with a path": b'{"query": "x", "collection": "../../etc"}',
    "a collection with a line end": b'{"query": "x", "collection": "default\\n"}',
    "an unknown operator": b'{"query": "x", "filter": {"a": {"$regex": "."}}}',
    "an unknown clause": b'{"query": "x", "filter": {"$where": "1"}}',
    "a hostile name": b'{"query": "x", "filter": {"a\' OR 1=1": 1}}',
    "a list for a value": b'{"query": "x", "filter": {"a": [[1]]}}',
    "deep filter": b'{"query": "x", "filter": ' + b'{"$not":' * 200 + b"1" + b"}" * 200 + b"}",
    "deep list": b'{"query": "x", "filter": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "10,000 conditions": orjson.dumps(
        {"query": "x", "filter": {f"f{n}": n for n in range(10_000)}}
    ),
    "10,000 strange fields": orjson.dumps({"query": "x"} | {f"f{n}": n for n in range(10_000)}),
    "a strange field with a long name": orjson.dumps({"query": "x", "f" * 500_000: 1}),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_what_breaks_the_schema_is_a_422(client: Tenant, body: bytes) -> None:
    problem_in(await client.http.post("/api/v1/search", content=body, headers=JSON), 422)


async def test_what_was_refused_is_not_repeated(client: Tenant) -> None:
    canary = "canary-5f3b"
    bodies: list[dict[str, Any]] = [
        {"query": {"a": canary}},
        {"query": "x", "limit": canary},
        {"query": "x", "search_type": canary},
        {"query": "x", "collection": f"/{canary}"},
        {"query": "x", "filter": {"a": {"b": canary}, "c": {"$in": canary}}},
    ]
    for body in bodies:
        problem = problem_in(await client.http.post("/api/v1/search", json=body), 422)
        assert canary not in str(problem)
    asked = await client.http.post("/query", json={"query": "x", "conversation_id": canary})
    assert canary not in str(problem_in(asked, 422))
    address = await client.http.get(f"/conversations/{canary}")
    assert canary not in str(problem_in(address, 422))


async def test_a_field_that_is_wrong_is_named_by_a_json_pointer(client: Tenant) -> None:
    response = await client.http.post("/api/v1/search", json={"query": "x", "a/b~c": 1})
    problem = problem_in(response, 422)
    assert problem["errors"][0]["pointer"] == "/body/a~1b~0c"
    assert problem["errors"][0]["code"] == "extra_forbidden"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_json_under_another_name_is_a_415(client: Tenant, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await client.http.post("/query", content=b'{"query": "x"}', headers=headers)
    problem = problem_in(response, 415)
    assert "Content-Type: application/json" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/documents/a%00b", 422),
        ("/documents?cursor=%00", 422),
        ("/documents?collection=a%00", 422),
        ("/documents?cursor=nonsense", 422),
        ("/documents?cursor=%F0%9F%92%A9", 422),
        ("/documents?cursor=MjAyNi0wMS0wMSB4", 422),
        ("/documents?limit=1000000000", 422),
        ("/documents?limit=x", 422),
        ("/documents?limit=-1", 422),
        ("/documents?limit=" + "9" * 5000, 422),
        ("/documents?status=gone", 422),
        ("/documents?collection=nowhere", 404),
        ("/documents/%ED%A0%80", 404),
        ("/documents/%FF%FE", 404),
        ("/documents/" + "x" * 5000, 404),
        ("/documents/'%20OR%201=1%20--", 404),
        ("/documents/%2e%2e%2f%2e%2e%2fetc%2fpasswd/content", 404),
        ("/conversations?offset=1000000000000", 422),
        ("/conversations/x", 422),
        ("/conversations/00000000-0000-0000-0000-000000000000?last=0", 422),
        ("/api/v1/collections/a%20b", 422),
    ],
)
async def test_a_strange_address_is_refused(client: Tenant, path: str, status: int) -> None:
    problem_in(await client.http.get(path), status)


async def test_a_wrong_method_is_a_405_that_names_the_right_ones(client: Tenant) -> None:
    response = await client.http.put("/api/v1/search", json={})
    problem_in(response, 405)
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("field", ["document_id", "key", "title", "collection", "metadata"])
async def test_nul_in_a_form_field_is_refused(client: Tenant, field: str) -> None:
    problem_in(await upload(client, "a.txt", b"Text.", **{field: "a\0b"}), 422)


@pytest.mark.parametrize(
    "metadata",
    [
        *("x", "[]", "5", "null", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": "\\u0000"}'),
        '{"a": ' + "[" * 300 + "]" * 300 + "}",
        '{"a": "' + "x" * 17_000 + '"}',
    ],
)
async def test_bad_metadata_is_refused(client: Tenant, metadata: str) -> None:
    problem = problem_in(await upload(client, "a.txt", b"Text.", metadata=metadata), 422)
    assert problem["code"] in ("invalid_metadata", "metadata_too_large")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\x.txt", "x.txt"),
        ("CON.txt", "CON.txt"),
        ("a\u202etxt.md", "atxt.md"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("x" * 4000 + ".txt", "x" * 251 + ".txt"),
        ("\x1b[31mred.txt", "[31mred.txt"),
    ],
)
async def test_a_hostile_file_name_is_made_harmless(client: Tenant, name: str, kept: str) -> None:
    accepted = await upload(client, name, f"Named {name!r}.".encode())
    assert accepted.status_code == 202
    document = await client.http.get(f"/documents/{accepted.json()['document_id']}")
    assert document.json()["filename"] == kept


async def test_nul_in_a_file_name_is_left_out(client: Tenant) -> None:
    body = form(('name="file"; filename="a\0b.txt"', b"Named with a NUL."))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    accepted = await client.http.post("/documents", content=body, headers=headers)
    document = await client.http.get(f"/documents/{accepted.json()['document_id']}")
    assert document.json()["filename"] == "ab.txt"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A form with the parts as they are; each is its headers and its content."""
    pieces = [
        b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    ]
    return b"".join(pieces) + b"--b--\r\n"


FILE = ('name="file"; filename="a.txt"', b"Some text.")
FORMS = {
    "no boundary": ("multipart/form-data", form(FILE), 400),
    "garbage": ("multipart/form-data; boundary=b", b"garbage", 400),
    "cut off in a header": ("multipart/form-data; boundary=b", form(FILE)[:-30], 422),
    "no name": ("multipart/form-data; boundary=b", form(('filename="a"', b"x")), 400),
    "no file": ("multipart/form-data; boundary=b", form(('name="key"', b"x")), 422),
    "text for a file": ("multipart/form-data; boundary=b", form(('name="file"', b"x")), 422),
    "json": ("application/json", b'{"file": "x"}', 422),
    "surrogate": (
        "multipart/form-data; boundary=b; charset=utf-7",
        form(('name="document_id"', b"+2AA-"), FILE),
        422,
    ),
    "escaped surrogate": (
        "multipart/form-data; boundary=b; charset=raw_unicode_escape",
        form(('name="key"', rb"\ud800"), FILE),
        422,
    ),
    "10,000 fields": (
        "multipart/form-data; boundary=b",
        form(*((f'name="f{n}"', b"x") for n in range(10_000)), FILE),
        400,
    ),
    "a field of 2 MB": (
        "multipart/form-data; boundary=b",
        form(('name="title"', b"x" * (2 << 20)), FILE),
        400,
    ),
}


@pytest.mark.parametrize(("content_type", "body", "status"), FORMS.values(), ids=FORMS.keys())
async def test_a_broken_form_is_refused(
    client: Tenant, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type}
    problem_in(await client.http.post("/documents", content=body, headers=headers), status)


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
async def test_a_file_that_is_cut_off_is_refused(make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await tenant.http.post("/documents", content=form(FILE)[:-12], headers=headers)
    problem_in(response, 422)
    assert (await tenant.http.get("/documents")).json()["documents"] == []
    # The web framework leaves the half file to the garbage collector, which says so.
    gc.collect()


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n"])
async def test_an_empty_file_is_refused_at_once(client: Tenant, content: bytes) -> None:
    problem = problem_in(await upload(client, "a.txt", content), 422)
    assert problem["code"] == "empty_file"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.exe", b"MZ\x90\0", "unsupported_type"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "unsupported_type"),
        ("a.pdf", b"\x7fELF\x02\x01", "type_mismatch"),
        ("a.pdf", b"<!doctype html><p>x", "type_mismatch"),
        ("a.docx", b"PK\x05\x06" + b"\0" * 18, "type_mismatch"),
    ],
)
async def test_a_type_that_is_not_on_the_list_is_a_415(
    client: Tenant, name: str, content: bytes, code: str
) -> None:
    problem = problem_in(await upload(client, name, content), 415)
    assert problem["title"] == "Unsupported file type"
    assert problem["code"] == code
    if code == "unsupported_type":
        assert problem["detail"].startswith(f"Unsupported file type: {name[1:]}. ")


def limit_of(services: Services, path: str) -> int:
    limits = services.limits
    if path.endswith("/batch"):
        return limits.batch_bytes
    return limits.upload_bytes + (1 << 20) if path.endswith("/documents") else limits.json_bytes


@pytest.mark.parametrize("path", ["/query", "/documents/batch", "/documents"])
async def test_a_declared_length_over_the_limit_is_refused_unread(
    client: Tenant, services: Services, path: str
) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    for length in (limit_of(services, path) + 1, 10**30, int("9" * 4000)):
        headers = {"Content-Length": str(length), **JSON}
        response = await client.http.post(path, content=body(), headers=headers)
        assert problem_in(response, 413)["code"] == "too_large"


@pytest.mark.parametrize("path", ["/query", "/documents/batch"])
async def test_a_body_without_a_length_is_cut_off_at_the_limit(
    client: Tenant, services: Services, path: str
) -> None:
    limit, sent = limit_of(services, path), 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * limit:
            sent += 1 << 18
            yield b" " * (1 << 18)

    response = await client.http.post(path, content=body(), headers=JSON)
    assert problem_in(response, 413)["code"] == "too_large"
    assert sent <= limit + (1 << 18)


async def test_a_form_without_a_length_is_cut_off_at_the_limit(
    client: Tenant, services: Services
) -> None:
    limit, sent = limit_of(services, "/documents"), 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield form(FILE).split(b"Some text.", maxsplit=1)[0]
        while sent < 2 * limit:
            sent += 1 << 20
            yield b"x" * (1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await client.http.post("/documents", content=body(), headers=headers)
    assert problem_in(response, 413)["code"] == "too_large"
    assert sent <= limit + (1 << 20)


async def test_an_error_that_nobody_expected_is_a_problem_with_an_id(
    make_tenant: MakeTenant, services: Services
) -> None:
    tenant = await make_tenant()
    begun = (await tenant.http.post("/conversations", json={})).json()["id"]
    async with services.database.transaction(tenant.id) as connection:
        # No code of ours stores a message like this.
        await connection.execute(
            "INSERT INTO messages (id, tenant_id, conversation_id, role, content, metadata)"
            " VALUES (gen_random_uuid(), %s, %s, 'user', 'x', '[1]')",
            (tenant.id, begun),
        )
    response = await tenant.http.get(f"/conversations/{begun}")
    problem = problem_in(response, 500)
    assert problem["code"] == "internal_error"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "TypeError" not in response.text
