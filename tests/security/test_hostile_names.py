"""Names that are made to hurt: where a file lands, how it is shown, how it is given back."""

from __future__ import annotations

import re
import sys
import unicodedata
from urllib.parse import unquote

import httpx
import pytest
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant, finished, upload
from tests.unit.adapters.parser.sample_files import make_docx, make_paragraph, make_pdf

from groundwell.apps.library.uploads import clean_filename
from groundwell.services import Services

NAMES = {
    "../../etc/passwd.txt": "passwd.txt",
    "..\\..\\windows\\win.ini.txt": "win.ini.txt",
    "C:\\x.txt": "x.txt",
    "file:///etc/x.txt": "x.txt",
    "/": "document",
    "..": "document",
    ". . .": "document",
    "a\0b.txt": "ab.txt",
    "CON": "CON",
    "NUL.txt": "NUL.txt",
    "a\r\nSet-Cookie: x=1.txt": "aSet-Cookie: x=1.txt",
    "\x1b[31mred\x07.txt": "[31mred.txt",
    "fdp.\u202etxt": "fdp.txt",
    "a\u2028b\u2029c.txt": "abc.txt",
    "\u200bzero\ufeff.txt": "zero.txt",
    "e\u0301.txt": "\u00e9.txt",
    "a" + "\u0301" * 4_000 + ".txt": "\u00e1" + "\u0301" * 29 + ".txt",
    "%n%s{0.__class__}${x}.txt": "%n%s{0.__class__}${x}.txt",
    '"; filename="evil.exe.txt': '"; filename="evil.exe.txt',
    "<img src=x onerror=alert(1)>.txt": "<img src=x onerror=alert(1)>.txt",
    "x" * 4_000 + ".txt": "x" * 251 + ".txt",
    "x." + "y" * 4_000: "x." + "y" * 19,
    "\U0001f600" * 300 + ".txt": "\U0001f600" * 251 + ".txt",
    "\ud800.txt": "?.txt",
}


@pytest.mark.parametrize(("name", "kept"), NAMES.items())
def test_a_name_is_made_harmless_and_stays_what_it_is(name: str, kept: str) -> None:
    cleaned = clean_filename(name)
    assert cleaned == kept
    assert clean_filename(cleaned) == cleaned
    assert 0 < len(cleaned) <= 255


@pytest.fixture(scope="module")
async def client(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


async def send(client: Tenant, name: str, content: bytes) -> httpx.Response:
    """Upload under a name as it is, where an HTTP library would escape it first."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "replace")
    head = b'Content-Disposition: form-data; name="file"; filename="%s"' % quoted
    body = b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return await client.http.post("/documents", content=body, headers=headers)


async def test_no_name_decides_where_a_file_lands(client: Tenant, services: Services) -> None:
    # Those that fit into the header of a part.
    names = [name for name in NAMES if name.endswith(".txt") and len(name) < 1_000]
    for number, name in enumerate(names):
        accepted = await send(client, name, f"Words number {number}.".encode())
        assert accepted.status_code == 202, (name, accepted.text)
    places = [key async for key, _ in services.blobs.entries()]
    strange = [
        key for key in places if not re.fullmatch(r"sha256/([0-9a-f]{2})/\1[0-9a-f]{62}", key)
    ]
    sys.stdout.write(f"{len(names)} hostile names, {len(places)} files: {len(strange)} strange\n")
    assert len(places) >= len(names)
    assert not strange


async def test_twins_in_nfc_and_nfd_bear_one_name(make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    twins = [unicodedata.normalize(form, "größe é.txt") for form in ("NFC", "NFD")]
    assert twins[0] != twins[1]
    first, again = [(await upload(tenant, name, b"The same words.")).json() for name in twins]
    assert first["document_id"] == again["document_id"]
    await upload(tenant, twins[1], b"Other words.")
    documents = (await tenant.http.get("/documents")).json()["documents"]
    assert [document["filename"] for document in documents] == [twins[0]] * 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<html><script>alert(1)</script><p>Words</p></html>"),
        ("words.md", b"# T\n<script>alert(1)</script>"),
        ('"; filename="evil.exe.txt', b"Words with a strange name"),
        ("a\nX-Evil: 1.txt", b"Words with a line end in their name"),
        ("%0d%0aX-Evil: 1.txt", b"Words with a written line end in their name"),
        ("page.pdf", make_pdf("Words")),
        ("words.docx", make_docx(make_paragraph("Words"))),
    ],
)
async def test_originals_come_back_as_attachments_that_run_nothing(
    client: Tenant, name: str, content: bytes
) -> None:
    accepted = (await send(client, name, content)).json()
    answer = await client.http.get(f"/documents/{accepted['document_id']}/content")
    assert answer.content == content
    disposition = answer.headers["Content-Disposition"]
    assert disposition.isascii()
    kind, _, filename = disposition.partition("; filename*=UTF-8''")
    assert kind == "attachment"
    assert unquote(filename) == clean_filename(name)
    assert not set('"; \r\n') & set(filename)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "X-Evil" not in answer.headers


async def test_the_list_shows_why_a_file_was_refused(client: Tenant) -> None:
    accepted = (await upload(client, "broken.pdf", b"%PDF-1.7 and then nothing")).json()
    await finished(client, accepted["document_id"])
    documents = (await client.http.get("/documents", params={"status": "failed"})).json()
    (shown,) = [
        document
        for document in documents["documents"]
        if document["document_id"] == accepted["document_id"]
    ]
    assert shown["failure"]["code"] == "corrupt"
    assert "Save it again" in shown["failure"]["message"]


async def test_a_text_of_nothing_but_marks_does_not_stop_the_server(client: Tenant) -> None:
    text = "a" + "\u0301\u0323" * 500_000
    answer = await client.http.post("/documents/batch", json=[{"id": "marks", "text": text}])
    assert answer.status_code == 202
    assert (await finished(client, "marks"))["status"] == "complete"
    stored = (await client.http.get("/documents/marks/text")).json()["text"]
    assert 1 < len(stored) <= 31


@pytest.mark.parametrize("name", ["page.pdf", "both.docx"])
async def test_a_polyglot_is_refused_at_once(client: Tenant, name: str) -> None:
    both = make_pdf("words") + make_docx(make_paragraph("words"))
    assert problem_in(await upload(client, name, both), 415)["code"] == "type_mismatch"
