"""All that is held of a user, or of a whole tenant, page by page, for who may have it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import LiteralString
from uuid import UUID

from groundwell.domain.documents import TenantId
from groundwell.store.database import Database

_PAGE = 100
_FIRST = UUID(int=0)

# Each gives a key to go on from, and a line of JSON. No digest of a key is among them.
_KINDS: Mapping[str, LiteralString] = MappingProxyType(
    {
        "users": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT id, name, role, tier, subject, created_at, disabled_at FROM users
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.id = %(user)s) AND x.id > %(after)s
        """,
        "keys": """
            SELECT x.place, row_to_json(x)::text FROM (
                SELECT md5(id)::uuid AS place, id, user_id, name, scopes, created_at, expires_at,
                       revoked_at FROM api_keys
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.user_id = %(user)s) AND x.place > %(after)s
        """,
        "collections": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT id, name, description, chunking, synonym_packs, synonym_entries, created_at
                FROM collections
            ) AS x WHERE %(user)s::uuid IS NULL AND x.id > %(after)s
        """,
        "documents": """
            SELECT x.uid, row_to_json(x)::text FROM (
                SELECT d.uid, d.id AS document_id, c.name AS collection, d.owner_id,
                       CASE WHEN d.access_id = 0 THEN 'tenant'
                            WHEN a.roles = '{}' AND a.users = '{}' THEN 'private'
                            ELSE 'shared' END AS visibility,
                       a.roles AS shared_with_roles, a.users AS shared_with_users,
                       v.filename, d.title, v.media_type, v.file_size, d.status,
                       v.number AS version,
                       d.metadata, d.language, d.error_code, d.created_at, d.updated_at,
                       d.indexed_at,
                       'originals/' || d.uid || '/' || v.filename AS original
                FROM documents d JOIN collections c ON c.id = d.collection_id
                LEFT JOIN access_lists a ON a.id = d.access_id
                JOIN document_versions v ON v.document_uid = d.uid
                     AND v.id = coalesce(d.active_version_id, (
                         SELECT w.id FROM document_versions w
                         WHERE w.document_uid = d.uid ORDER BY w.number DESC LIMIT 1))
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.owner_id = %(user)s) AND x.uid > %(after)s
        """,
        "callbacks": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT b.id, b.user_id, d.uid AS document, b.version, b.url AS callback_url,
                       b.state, b.tries, b.error, b.event::json AS event, b.created_at, b.updated_at
                FROM callbacks b JOIN documents d ON d.uid = b.document_uid
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.user_id = %(user)s) AND x.id > %(after)s
        """,
        "conversations": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT c.id, c.user_id, c.title, c.created_at, c.updated_at,
                       (SELECT json_agg(json_build_object(
                            'id', m.id, 'role', m.role, 'content', m.content,
                            'timestamp', m.timestamp, 'metadata', m.metadata
                        ) ORDER BY m.timestamp, m.id)
                        FROM messages m WHERE m.conversation_id = c.id) AS messages
                FROM conversations c
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.user_id = %(user)s) AND x.id > %(after)s
        """,
        "questions": """
            SELECT x.place, row_to_json(x)::text FROM (
                SELECT md5(q.user_id::text || q.id)::uuid AS place, q.user_id,
                       q.id AS question_id, q.content, q.due, q.created_at,
                       (SELECT json_agg(json_build_object(
                            'rating', a.rating, 'is_correct', a.is_correct, 'chosen', a.chosen,
                            'milliseconds', a.milliseconds, 'answered_at', a.answered_at
                        ) ORDER BY a.answered_at, a.id)
                        FROM question_answers a
                        WHERE a.user_id = q.user_id AND a.question_id = q.id) AS answers
                FROM questions q
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.user_id = %(user)s) AND x.place > %(after)s
        """,
        "question_sets": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT s.id, s.user_id, s.topic, s.mode, s.asked, s.notes, s.fallback_used,
                       s.created_at, s.shown_at,
                       (SELECT json_agg(json_build_object(
                            'question_id', i.question_id, 'content', i.content
                        ) ORDER BY i.ordinal)
                        FROM question_set_items i WHERE i.set_id = s.id) AS questions
                FROM question_sets s
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.user_id = %(user)s) AND x.id > %(after)s
        """,
        "eval_sets": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT s.id, s.owner_id, s.name, s.collection, s.created_at,
                       (SELECT json_agg(json_build_object('query', j.query, 'grades', j.grades)
                                        ORDER BY j.ordinal)
                        FROM eval_judgements j WHERE j.set_id = s.id) AS judgements
                FROM eval_sets s
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.owner_id = %(user)s) AND x.id > %(after)s
        """,
        "eval_runs": """
            SELECT x.id, row_to_json(x)::text FROM (
                SELECT r.id, r.set_id, s.owner_id, r.config, r.status, r.measures, r.latency_ms,
                       r.created_at, r.finished_at
                FROM eval_runs r JOIN eval_sets s ON s.id = r.set_id
            ) AS x WHERE (%(user)s::uuid IS NULL OR x.owner_id = %(user)s) AND x.id > %(after)s
        """,
    }
)
KINDS = tuple(_KINDS)
"""What is held, by name; collections belong to the tenant and to no user."""

# As many at once as have few bytes of text together, and one at least.
_PAGE_BYTES = 1_000_000
_ORIGINALS: LiteralString = """
    SELECT y.uid, y.filename, y.blob_key, y.text, y.file_size FROM (
        SELECT x.*, sum(octet_length(x.text)) OVER (
                   ORDER BY x.uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM (
            SELECT d.uid, v.filename, v.blob_key, v.file_size,
                   CASE WHEN v.blob_key IS NULL THEN v.text END AS text
            FROM documents d JOIN document_versions v ON v.document_uid = d.uid
                 AND v.id = coalesce(d.active_version_id, (
                     SELECT w.id FROM document_versions w
                     WHERE w.document_uid = d.uid ORDER BY w.number DESC LIMIT 1))
            WHERE (%(user)s::uuid IS NULL OR d.owner_id = %(user)s) AND d.uid > %(after)s
            ORDER BY d.uid LIMIT %(page)s
        ) AS x
    ) AS y WHERE coalesce(y.before, 0) < %(bytes)s ORDER BY y.uid
"""


@dataclass(frozen=True, slots=True)
class Original:
    """What was handed in of a document: a file in the blob store, or a text."""

    uid: UUID
    filename: str
    blob_key: str | None
    text: str | None
    file_size: int


async def read_holdings(
    database: Database, tenant: TenantId, user: UUID | None, kind: str
) -> AsyncIterator[bytes]:
    """Lines of JSON of one of `KINDS`, of a user or, when None, of the whole tenant.

    Each page is a transaction of its own: whoever reads slowly holds no connection.
    """
    after = _FIRST
    query = _KINDS[kind] + " ORDER BY 1 LIMIT %(page)s"
    while True:
        async with database.unrestricted.transaction(tenant) as connection:
            cursor = await connection.execute(query, {"user": user, "after": after, "page": _PAGE})
            rows = await cursor.fetchall()
        if rows:
            yield b"".join(line.encode() + b"\n" for _, line in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


async def read_originals(
    database: Database, tenant: TenantId, user: UUID | None
) -> AsyncIterator[Original]:
    """The originals of a user's documents or, when None, of the whole tenant's.

    Each page is a transaction of its own, and holds a megabyte and one text at most.
    """
    given = {"user": user, "after": _FIRST, "page": _PAGE, "bytes": _PAGE_BYTES}
    while True:
        async with database.unrestricted.transaction(tenant) as connection:
            rows = await (await connection.execute(_ORIGINALS, given)).fetchall()
        if not rows:
            return
        for row in rows:
            yield Original(*row)
        given["after"] = rows[-1][0]
