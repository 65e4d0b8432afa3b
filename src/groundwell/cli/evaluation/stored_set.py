"""Reading judgements that a server keeps."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from groundwell.cli.client import Client, ServerError
from groundwell.cli.evaluation.folder import TestCollection
from groundwell.domain.errors import InvalidInputError, NotFoundError
from groundwell.domain.evaluation import JudgedQuery

_PAGE = 500


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set with the collection that it is about."""

    judged: TestCollection
    collection: str


def read_stored_set(client: Client, name: str, collection: str | None) -> StoredSet:
    """The set of that name or id, read to its end.

    `collection`: where to look for its documents, if not where the set says. Raises NotFoundError
    for an unknown set, InvalidInputError when there is nothing to measure.
    """
    known = client.get("/api/v1/evals/sets")["sets"]
    found = next((each for each in known if name in (each["name"], each["id"])), None)
    if found is None:
        names = ", ".join(each["name"] for each in known)
        there = f"Those that there are: {names}." if names else "The server keeps none."
        raise NotFoundError(f"There is no set of judgements '{name}'. {there}")
    entries = _read_entries(client, found["id"], found["queries"])
    queries = tuple(_query(number, entry) for number, entry in enumerate(entries))
    measured = tuple(query for query in queries if query.has_relevant)
    if not measured:
        raise InvalidInputError(
            f"The set '{found['name']}' names no relevant document for any query: there is nothing "
            "to measure."
        )
    place = collection or found["collection"]
    judged = {document for query in queries for document in query.grades}
    missing = sum(not _has_document(client, place, document) for document in judged)
    return StoredSet(
        TestCollection(
            name=found["name"],
            folder=None,
            split=None,
            queries=measured,
            documents=len(judged) - missing,
            judgements=sum(len(query.grades) for query in measured),
            unjudged_queries=len(queries) - len(measured),
            unknown_queries=0,
            missing_documents=missing,
            digest=_digest(entries),
        ),
        place,
    )


def _read_entries(client: Client, identity: str, total: int) -> list[dict[str, Any]]:
    path = f"/api/v1/evals/sets/{identity}"
    return [
        entry
        for offset in range(0, total, _PAGE)
        for entry in client.get(path, limit=_PAGE, offset=offset)["judged"]
    ]


def _query(number: int, entry: dict[str, Any]) -> JudgedQuery:
    """A stored query. Its place is its id: the set has none, and keeps its order."""
    grades = {each["document_id"]: each["grade"] for each in entry["relevant"]}
    return JudgedQuery(str(number + 1), entry["query"], grades)


def _has_document(client: Client, collection: str, document: str) -> bool:
    try:
        client.get(f"/api/v1/documents/{quote(document, safe='')}", collection=collection)
    except ServerError as error:
        if error.code == "document_not_found":
            return False
        raise
    return True


def _digest(entries: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
