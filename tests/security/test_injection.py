"""Code in data: SQL, JSON paths, search syntax, patterns, headers; in every text of every route."""

from __future__ import annotations

import ast
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from tests.conftest import MakeTenant, Tenant
from tests.security.estate import Estate, missing, settle
from tests.security.payloads import PAYLOADS
from tests.security.places import FORM, JSON, Place, request_with, texts
from tests.security.seed import IS_LONG, dice, tell

from groundwell.services import Services

SOURCES = Path(__file__).parents[2] / "src" / "groundwell"
# An injected sleep would take three times as long. What is slower may have waited for a busy
# machine, and is asked again: what counts is the quickest answer.
SECONDS = 10.0
MOST_TIMES = 3
TRACES = ("psycopg", "syntax error", "Traceback", "groundwell.api_keys", "PG::", "LINE 1")


@pytest.fixture(scope="module")
async def theirs(make_tenant: MakeTenant) -> Estate:
    return await settle(await make_tenant(), "injected into")


def hostile(place: Place, text: str) -> Any:  # noqa: ANN401 - JSON is anything
    """The payload in the form that the place takes."""
    if place.where == FORM and place.leaf == "file":
        return text.encode()
    if place.where == JSON and place.leaf == "filter":
        return {"mark": {"$in": [text]}, "$or": [{"document_id": text}, {"a": {"$ne": text}}]}
    if place.where == JSON and place.leaf in ("metadata", "entries"):
        return {text[:60] or "x": [text[:90]]}
    return text


async def rows(services: Services) -> dict[str, int]:
    """How many rows each table has of tenants, and which tables there are."""
    async with services.database.survey_transaction() as connection:
        cursor = await connection.execute("SELECT count(*) FROM tenants")
        [(tenants,)] = await cursor.fetchall()
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'groundwell'::regnamespace"
        )
        [(objects,)] = await cursor.fetchall()
    return {"tenants": tenants, "objects": objects}


async def timed(tenant: Tenant, request: Mapping[str, Any]) -> tuple[httpx.Response, float]:
    begun = time.monotonic()
    answer = await tenant.http.request(**request)
    return answer, time.monotonic() - begun


async def test_code_in_any_text_is_text(
    app: FastAPI, services: Services, tenant: Tenant, theirs: Estate
) -> None:
    own = await settle(tenant, "injecting")
    before = await rows(services)
    chance = dice("injection")
    each = len(PAYLOADS) if IS_LONG else 3
    statuses: Counter[int] = Counter()
    slowest = (0.0, "nothing")
    places = [place for place in texts(app) if not is_destructive(place)]
    for place in places:
        for payload in chance.sample(PAYLOADS, each):
            text = payload.replace("{tenant}", str(theirs.tenant.id))
            request = request_with({place: hostile(place, text)}, place.operation, own.ids)
            name = f"{place.name} with {payload!r}"
            for _ in range(MOST_TIMES):
                answer, seconds = await timed(tenant, request)
                if seconds <= SECONDS:
                    break
            slowest = max(slowest, (seconds, name))
            assert seconds <= SECONDS, slowest
            assert answer.status_code < 500, name
            assert theirs.word not in answer.text, name
            assert answer.is_success or not [t for t in TRACES if t in answer.text], name
            assert "set-cookie" not in answer.headers, name
            assert not [v for v in answer.headers.values() if set(v) & set("\r\n\x1b")], name
            statuses[answer.status_code] += 1
    assert await rows(services) == before
    tell(
        f"{len(places)} texts of the API, {statuses.total()} injections: 0 errors of the server, "
        f"slowest {slowest[0]:.2f} s ({slowest[1]}); statuses {dict(sorted(statuses.items()))}"
    )


def is_destructive(place: Place) -> bool:
    """Whether the request would remove what later ones need."""
    return place.operation.method == "delete" and place.where != "path"


async def test_a_condition_that_is_always_true_finds_no_more_than_a_missing_id(
    tenant: Tenant,
) -> None:
    """Blind injection: the answers to a true and to a false condition must not differ."""
    own = await settle(tenant, "blind")
    nobody = missing(own.ids)
    count = 0
    for good in (own.ids["document"], nobody["document"]):
        for path in ("/api/v1/documents/{}", "/api/v1/documents/{}/text", "/api/v1/collections/{}"):
            for pair in (("' OR '1'='1", "' OR '1'='2"), ("' AND 1=1 --", "' AND 1=2 --")):
                answers = [await tenant.http.get(path.format(good + end)) for end in pair]
                assert {answer.status_code for answer in answers} <= {404, 422}
                assert len({len(answer.content) for answer in answers}) == 1
                count += 1
    body = {"query": "code", "collection": own.ids["collection"]}
    for value in ("%", "_%", own.ids["document"][:4] + "%", own.ids["document"][:-1] + "_", ".*"):
        for condition in ({"document_id": value}, {"mark": {"$in": [value]}}):
            found = await tenant.http.post("/api/v1/search", json={**body, "filter": condition})
            assert found.json()["results"] == [], value
            count += 1
    tell(f"{count} conditions that would be true as code: 0 taken for code")


@pytest.mark.parametrize("character", ["\r", "\n", "\x1b", "\x7f", "\x85"])
async def test_an_id_has_no_control_characters(tenant: Tenant, character: str) -> None:
    """With a line end in it, a document could be taken in and never be reached again."""
    document = {"id": f"a{character}b", "text": "Some text."}
    batch = await tenant.http.post("/api/v1/documents/batch", json=[document])
    assert batch.status_code == 422
    files = {"file": ("a.txt", b"Some text.")}
    data = {"document_id": document["id"]}
    form = await tenant.http.post("/api/v1/documents", files=files, data=data)
    assert form.status_code == 422


async def test_a_file_name_ends_no_header(tenant: Tenant) -> None:
    names = (
        "a\u2028Set-Cookie: x=y",
        'a"; filename="b',
        "a\u202etxt.exe",
        "ä\u200b\uff1b",
        "%0d%0aX: y",
    )
    texts = [{"id": name, "text": f"Text number {n}."} for n, name in enumerate(names)]
    await tenant.http.post("/api/v1/documents/batch", json=texts)
    for name in names:
        answer = await tenant.http.get(f"/api/v1/documents/{quote(name, safe='')}/content")
        assert answer.status_code == 200, answer.text
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment; filename*=UTF-8''")
        assert disposition.isascii()
        assert disposition.isprintable()
        assert disposition.count(";") == 1
        assert not {"set-cookie", "x"} & set(answer.headers)
    tell(f"{len(names)} hostile names of files: 0 headers more")


def statements() -> list[tuple[str, ast.JoinedStr]]:
    """Every text with values in it that is handed to the database."""
    found = []
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in ("execute", "executemany", "fetch", "copy"):
                for given in node.args[:1]:
                    found += [
                        (f"{file.name}:{part.lineno}", part)
                        for part in ast.walk(given)
                        if isinstance(part, ast.JoinedStr)
                    ]
                    is_built = isinstance(given, ast.BinOp) and isinstance(given.op, ast.Mod)
                    assert not is_built, f"{file.name}:{given.lineno} builds SQL by %"
    return found


def test_no_statement_is_put_together_from_values() -> None:
    """What stands in braces is a constant of the module or the name of a space's table."""
    known = statements()
    assert known
    for place, statement in known:
        for part in statement.values:
            if isinstance(part, ast.FormattedValue):
                text = ast.unparse(part.value)
                is_constant = isinstance(part.value, ast.Name) and text.lstrip("_").isupper()
                assert is_constant or text.endswith((".table", "table")), f"{place}: {text}"
    tell(f"{len(known)} statements with something in braces: all of it constants")
