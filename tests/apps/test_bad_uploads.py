"""Forms, files and bodies that are broken, hostile or too large."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import pytest
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant, upload

from groundwell.domain.identity import Scope
from groundwell.services import Services

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def client(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


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


@pytest.mark.parametrize("path", ["/api/v1/documents", "/documents"])
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=b", ""],
)
async def test_an_upload_that_is_no_form_is_a_415(
    client: Tenant, path: str, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await client.http.post(path, content=b'{"file": "x"}', headers=headers)
    problem = problem_in(response, 415)
    assert problem["code"] == "unsupported_media_type"
    assert "multipart/form-data" in problem["detail"]
    assert "/documents/batch" in problem["detail"]


async def test_an_upload_without_the_right_to_write_is_refused_whatever_it_is(
    make_tenant: MakeTenant,
) -> None:
    reader = await make_tenant((Scope.READ,))
    problem_in(await reader.http.post("/documents", json={"file": "x"}), 403)


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
