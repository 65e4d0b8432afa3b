"""Documents over HTTP: from the upload to the deletion."""

from __future__ import annotations

import hashlib

import httpx
import orjson
from tests.conftest import Tenant, finished, upload, upload_texts

from groundwell.services import Services


async def search(tenant: Tenant, query: str, **more: object) -> list[dict[str, object]]:
    response = await tenant.http.post("/api/v1/search", json={"query": query, **more})
    assert response.status_code == 200, response.text
    results: list[dict[str, object]] = response.json()["results"]
    return results


def events_of(response: httpx.Response) -> list[tuple[str, dict[str, object]]]:
    blocks = [block for block in response.text.split("\n\n") if block and block[0] != ":"]
    pairs = [block.split("\n", 1) for block in blocks]
    return [
        (name.removeprefix("event: "), orjson.loads(data.removeprefix("data: ")))
        for name, data in pairs
    ]


async def test_an_upload_is_accepted_and_becomes_complete(tenant: Tenant) -> None:
    response = await upload(tenant, "moss.txt", b"Moss grows on the north side of trees.")
    assert response.status_code == 202
    accepted = response.json()
    assert accepted["is_new_work"] is True
    assert accepted["version"] == 1
    document = await finished(tenant, accepted["document_id"])
    assert (document["status"], document["stage"], document["progress"]) == ("complete", "done", 1)
    assert document["chunk_count"] >= 1
    assert document["indexed_at"] is not None
    assert document["failure"] is None


async def test_the_same_bytes_again_are_the_same_document(tenant: Tenant) -> None:
    first = (await upload(tenant, "a.txt", b"The same bytes.")).json()
    await finished(tenant, first["document_id"])
    again = await upload(tenant, "b.txt", b"The same bytes.")
    assert again.status_code == 200
    assert again.json() == {**first, "status": "complete", "is_new_work": False}


async def test_a_title_and_metadata_sent_with_the_same_bytes_replace_the_old_ones(
    tenant: Tenant,
) -> None:
    content = b"Lichens are two beings in one."
    given = {"title": "Lichens", "metadata": '{"year": 2020}'}
    first = (await upload(tenant, "a.txt", content, **given)).json()
    before = await finished(tenant, first["document_id"])

    renamed = await upload(tenant, "a.txt", content, title="On lichens")
    assert renamed.status_code == 200
    assert renamed.json() == {**first, "status": "complete", "is_new_work": False}
    (found,) = await search(tenant, "lichens")
    assert (found["title"], found["metadata"]) == ("On lichens", {"year": 2020})

    dated = await upload(tenant, "a.txt", content, metadata='{"year": 2021}')
    assert dated.json() == renamed.json()
    after = await finished(tenant, first["document_id"])
    assert (after["title"], after["metadata"]) == ("On lichens", {"year": 2021})
    same = ("version", "chunk_count", "indexed_at", "created_at", "filename")
    assert [after[name] for name in same] == [before[name] for name in same]
    await upload(tenant, "a.txt", content, metadata="{}")
    assert (await finished(tenant, first["document_id"]))["metadata"] == {}


async def test_new_bytes_replace_the_old_version_everywhere(tenant: Tenant) -> None:
    await finished_upload(tenant, b"The password of the vault is heliotrope.", "vault")
    second = await finished_upload(tenant, b"The vault has been torn down.", "vault")
    assert second["version"] == 2
    text = await tenant.http.get("/api/v1/documents/vault/text")
    assert text.json()["text"] == "The vault has been torn down."
    assert text.json()["version"] == 2
    found = await search(tenant, "What is the password of the vault, is it heliotrope?")
    assert [item["version"] for item in found] == [2]
    assert "heliotrope" not in orjson.dumps(found).decode()


async def test_new_bytes_of_the_same_key_are_a_new_version(tenant: Tenant) -> None:
    first = (await upload(tenant, "n.txt", b"One.", key="/home/me/n.txt")).json()
    await finished(tenant, first["document_id"])
    second = (await upload(tenant, "n.txt", b"Two.", key="/home/me/n.txt")).json()
    assert second["document_id"] == first["document_id"]
    assert second["version"] == 2


async def test_a_deleted_document_is_gone_from_everywhere(
    tenant: Tenant, services: Services
) -> None:
    content = b"Quagga herds once roamed the Karoo of long ago."
    document = await finished_upload(tenant, content, "quagga")
    address = f"/api/v1/documents/{document['document_id']}"
    assert (await tenant.http.delete(address)).status_code == 204
    for suffix in ("", "/text", "/content", "/events"):
        assert (await tenant.http.get(address + suffix)).status_code == 404
    assert (await tenant.http.delete(address)).status_code == 404
    assert await search(tenant, "Where did the quagga roam?") == []
    digest = hashlib.sha256(content).hexdigest()
    async with services.database.anonymous_transaction() as connection:
        cursor = await connection.execute(
            "SELECT is_blob_used(%s)", (f"sha256/{digest[:2]}/{digest}",)
        )
        assert await cursor.fetchone() == (False,)


async def test_pages_of_the_list_hold_every_document_once(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": f"d{n}", "text": f"Text number {n}."} for n in range(7)])
    seen: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        parameters = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await tenant.http.get("/api/v1/documents", params=parameters)).json()
        seen += [document["document_id"] for document in page["documents"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert sorted(seen) == [f"d{n}" for n in range(7)]
    assert pages == 3


async def test_a_full_last_page_does_not_lead_to_an_empty_one(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": f"d{n}", "text": f"Text number {n}."} for n in range(4)])
    first = (await tenant.http.get("/api/v1/documents", params={"limit": 2})).json()
    parameters = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await tenant.http.get("/api/v1/documents", params=parameters)).json()
    assert len(second["documents"]) == 2
    assert second["next_cursor"] is None


async def test_the_list_counts_and_filters_by_status(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": "good", "text": "A good text."}])
    broken = (await upload(tenant, "broken.pdf", b"%PDF-1.4 and nothing more")).json()
    assert (await finished(tenant, broken["document_id"]))["status"] == "failed"
    failed = (await tenant.http.get("/api/v1/documents", params={"status": "failed"})).json()
    assert [d["document_id"] for d in failed["documents"]] == [broken["document_id"]]
    assert failed["counts"] == {"pending": 0, "indexing": 0, "complete": 1, "failed": 1}
    failure = failed["documents"][0]["failure"]
    assert failure["code"] == "corrupt"
    assert failure["message"] == failed["documents"][0]["error_message"]


async def test_the_original_comes_back_unchanged_and_harmless(tenant: Tenant) -> None:
    content = b"<!doctype html><title>x</title><script>alert(1)</script><p>Hello \xe4.</p>"
    document = await finished_upload(tenant, content, "page", name="pagé\u202e.html")
    response = await tenant.http.get(f"/api/v1/documents/{document['document_id']}/content")
    assert response.content == content
    assert response.headers["content-disposition"].startswith("attachment; filename*=UTF-8''pag")
    assert "%E2%80%AE" not in response.headers["content-disposition"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_a_text_of_a_batch_can_be_downloaded(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": "note", "text": "A note."}])
    response = await tenant.http.get("/api/v1/documents/note/content")
    assert response.text == "A note."


async def test_a_failed_document_has_no_text(tenant: Tenant) -> None:
    broken = (await upload(tenant, "broken.pdf", b"%PDF-1.4 and nothing more")).json()
    await finished(tenant, broken["document_id"])
    response = await tenant.http.get(f"/api/v1/documents/{broken['document_id']}/text")
    assert response.status_code == 404
    assert response.json()["code"] == "text_not_available"


async def test_events_tell_of_progress_and_then_of_the_end(tenant: Tenant) -> None:
    accepted = (await upload(tenant, "e.txt", b"Eventually indexed.")).json()
    response = await tenant.http.get(f"/api/v1/documents/{accepted['document_id']}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response)
    assert [name for name, _ in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[-1] == ("done", {})
    assert events[-2][1]["status"] == "complete"
    progress = [data["progress"] for _, data in events[:-1]]
    assert progress == sorted(progress, key=float)


async def test_events_carry_metadata_with_numbers_of_any_size(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": "vast", "text": "Vast.", "metadata": {"atoms": 1e80}}])
    events = events_of(await tenant.http.get("/api/v1/documents/vast/events"))
    assert [name for name, _ in events] == ["progress", "done"]


async def test_an_id_with_slashes_can_be_used_everywhere(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": "AC/DC", "text": "A band from Sydney."}])
    address = "/api/v1/documents/AC%2FDC"
    assert (await tenant.http.get(address)).json()["document_id"] == "AC/DC"
    assert (await tenant.http.get(f"{address}/text")).json()["text"] == "A band from Sydney."
    assert (await tenant.http.get(f"{address}/content")).text == "A band from Sydney."
    assert (await tenant.http.delete(address)).status_code == 204
    assert (await tenant.http.get(address)).status_code == 404


async def test_an_id_in_two_collections_has_to_name_one(tenant: Tenant) -> None:
    for collection in ("left", "right"):
        await upload_texts(tenant, [{"id": "twin", "text": f"I am {collection}."}], collection)
    address = "/api/v1/documents/twin/text"
    ambiguous = await tenant.http.get(address)
    assert (ambiguous.status_code, ambiguous.json()["code"]) == (409, "ambiguous_document")
    one = await tenant.http.get(address, params={"collection": "right"})
    assert one.json()["text"] == "I am right."


async def test_metadata_is_kept_and_filters_the_search(tenant: Tenant) -> None:
    for year in (1999, 2021):
        response = await upload(
            tenant, f"{year}.txt", f"The comet of {year}.".encode(), metadata=f'{{"year": {year}}}'
        )
        await finished(tenant, response.json()["document_id"])
    found = await search(tenant, "comet", filter={"year": {"$gte": 2020}})
    assert [item["metadata"] for item in found] == [{"year": 2021}]


async def test_a_collection_is_made_listed_and_deleted_with_its_documents(tenant: Tenant) -> None:
    made = await tenant.http.post(
        "/api/v1/collections", json={"name": "books", "description": "All of them."}
    )
    assert made.status_code == 201
    await upload_texts(tenant, [{"id": "b1", "text": "A book about herons."}], "books")
    read = (await tenant.http.get("/api/v1/collections/books")).json()
    assert (read["document_count"], read["description"]) == (1, "All of them.")
    listed = (await tenant.http.get("/api/v1/collections")).json()["collections"]
    assert [item["name"] for item in listed] == ["books", "default"]
    again = await tenant.http.post("/api/v1/collections", json={"name": "books"})
    assert (again.status_code, again.json()["code"]) == (409, "collection_exists")
    assert (await tenant.http.delete("/api/v1/collections/books")).status_code == 204
    assert (await tenant.http.get("/api/v1/collections/books")).status_code == 404
    assert (await tenant.http.get("/api/v1/documents/b1")).status_code == 404


async def finished_upload(
    tenant: Tenant, content: bytes, document_id: str, name: str = "file.txt"
) -> dict[str, object]:
    accepted = await upload(tenant, name, content, document_id=document_id)
    assert accepted.status_code == 202, accepted.text
    document = await finished(tenant, accepted.json()["document_id"])
    assert document["status"] == "complete", document
    return document


async def test_a_version_that_fails_leaves_title_metadata_and_content_as_they_were(
    tenant: Tenant,
) -> None:
    good = {"document_id": "d", "title": "Good", "metadata": '{"rev": 1}'}
    await upload(tenant, "good.txt", b"Herons eat fish at the pier.", **good)
    await finished(tenant, "d")
    bad = {"document_id": "d", "title": "Broken", "metadata": '{"rev": 2}'}
    await upload(tenant, "evil.pdf", b"%PDF-1.4 garbage", **bad)
    document = await finished(tenant, "d")
    assert (document["status"], document["failure"]["code"]) == ("failed", "corrupt")
    assert (document["title"], document["metadata"]) == ("Good", {"rev": 1})
    body = {"query": "What do herons eat?", "filter": {"rev": 1}}
    (result,) = (await tenant.http.post("/api/v1/search", json=body)).json()["results"]
    assert (result["title"], result["version"]) == ("Good", 1)
    content = await tenant.http.get("/api/v1/documents/d/content")
    assert content.content == b"Herons eat fish at the pier."


async def test_an_id_that_would_name_a_part_of_a_document_is_refused(tenant: Tenant) -> None:
    response = await upload(tenant, "a.txt", b"A text.", document_id="a/text")
    assert response.status_code == 422


async def test_two_files_in_one_request_are_refused(tenant: Tenant) -> None:
    files = [("file", ("a.txt", b"One.")), ("file", ("b.txt", b"Two."))]
    response = await tenant.http.post("/api/v1/documents", files=files)
    assert (response.status_code, response.json()["code"]) == (422, "several_files")


async def test_a_batch_of_another_content_type_is_refused(tenant: Tenant) -> None:
    response = await tenant.http.post(
        "/api/v1/documents/batch", content=b"[]", headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 415
