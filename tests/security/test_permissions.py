"""Every route against every role and scope; a route without a declared scope fails the build."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack

from fastapi import FastAPI
from tests.apps.operations import operations, send
from tests.conftest import MakeTenant
from tests.security.estate import client_as, missing, settle
from tests.security.permissions import PAGE, permissions, table
from tests.security.places import Place, kind_of
from tests.security.seed import tell

from groundwell.domain.identity import SCOPES_OF_ROLE, Role, Scope
from groundwell.services import Services
from groundwell.web.guard import PUBLIC

KEYS = [frozenset({scope}) for scope in Scope] + [frozenset(Scope)]


def test_every_route_is_public_or_declares_one_scope(app: FastAPI) -> None:
    known = permissions(app)
    for permission in known:
        assert len(permission.scopes) == (0 if permission.is_public else 1), permission
    assert {permission.path for permission in known if permission.is_public} == set(PUBLIC)
    documented = {(operation.method.upper(), operation.path) for operation in operations(app)}
    served = {(p.method, p.path) for p in known}
    assert served - documented == {("GET", "/docs"), ("GET", "/openapi.json")}
    assert documented <= served


def test_the_page_of_permissions_is_what_the_routes_declare(app: FastAPI) -> None:
    assert PAGE.read_text(encoding="utf-8") == table(app), (
        "run `python -m tests.security.permissions`"
    )


async def test_a_key_may_do_what_its_scopes_and_its_role_allow_and_nothing_else(
    app: FastAPI, services: Services, make_tenant: MakeTenant
) -> None:
    """The keys are put into the database, some with scopes that no role could give them."""
    tenant = await make_tenant()
    nobodys = missing((await settle(tenant, "permissions")).ids)
    declared = {(p.method.lower(), p.path): p.scopes for p in permissions(app)}
    known = [operation for operation in operations(app) if operation.path not in PUBLIC]
    seen: Counter[bool] = Counter()
    async with AsyncExitStack() as stack:
        for role in Role:
            for scopes in KEYS:
                client = await client_as(services, app, tenant, role, scopes)
                await stack.enter_async_context(client)
                effective = scopes & SCOPES_OF_ROLE[role]
                for operation in known:
                    names = [p[1:-1] for p in operation.path.split("/") if p.startswith("{")]
                    ids = {n: nobodys[kind_of(Place(operation, "path", (n,))) or ""] for n in names}
                    answer = await send(client, operation, operation.address(**ids))
                    is_allowed = declared[operation.method, operation.path] <= effective
                    code = answer.json().get("code") if answer.status_code == 403 else None
                    name = f"{operation.name} as {role} with {sorted(scopes)}"
                    if is_allowed:
                        # What a service decides beyond the scope is told in other words.
                        is_refused = code == "insufficient_scope" and "scope '" in answer.text
                        assert not is_refused, name
                    else:
                        assert (answer.status_code, code) == (403, "insufficient_scope"), name
                    seen[is_allowed] += 1
    tell(
        f"{len(known)} operations, {len(Role)} roles, {len(KEYS)} sets of scopes: "
        f"{seen[True]} allowed, {seen[False]} refused with 403 insufficient_scope, 0 otherwise"
    )
