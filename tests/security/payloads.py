"""Texts that are code of some kind, for places that take any text."""

from __future__ import annotations

PAYLOADS = (
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE documents; --",
    "' UNION SELECT digest::text FROM api_keys --",
    "'||(SELECT pg_sleep(30))||'",
    "x'; SELECT pg_sleep(30); --",
    "1); SET ROLE groundwell_backup; --",
    "'; SET LOCAL groundwell.tenant = '{tenant}'; --",
    "%s %(name)s %% %b",
    "{0} {tenant} :tenant $1 $tenant",
    "%' OR id LIKE '%",
    "_%",
    "\\'; SELECT 1; --",
    "$$; SELECT 1; $$",
    "a' & b | !c <-> (d:*)",
    "a:*ABCD & 'b",
    '$.document_id ? (@ like_regex ".*")',
    '" || $.document_id == "',
    "{1:1e39}/3",
    "E'\\x27'",
    "(a+)+$" * 20,
    "[[:alpha:]]*" * 20,
    "line\r\nSet-Cookie: a=b",
    "\x1b[31mred\x1b[0m \u202egnp.exe",
    "<script>alert(1)</script>{{7*7}}${7*7}",
)
