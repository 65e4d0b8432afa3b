"""Which scope each route asks for, as its declaration says, and the table of it in the docs.

`python -m tests.security.permissions` writes the table anew.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute, Route

from groundwell.domain.identity import SCOPES_OF_ROLE, Role, Scope
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.web import deps
from groundwell.web.guard import PUBLIC

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"
CONVERTOR = re.compile(r":\w+\}")
DECLARATIONS = {
    deps._reader: Scope.READ,
    deps._writer: Scope.WRITE,
    deps._administrator: Scope.ADMIN,
}
HEAD = """\
# Permissions

What each address asks for. The table is made from the routes themselves by
`python -m tests.security.permissions`, and a [test](../../tests/security/test_permissions.py)
compares it with what a server answers to keys of every role and scope. A route that declares no
scope fails that test.

A key may do what both its scopes and the role of its user allow. Some operations decide further:
a member sees and revokes its own keys only, an owner is made and changed by owners only, and the
endpoints for the context of users serve a key's own user, or anybody with the scope `admin`.
Metrics and configuration, which are of all tenants together, are for the tenant that the
installation began with.
[Users and keys](../howto/users-and-keys.md).

| role | scopes that its keys can have |
|---|---|
"""


@dataclass(frozen=True)
class Permission:
    """A method at an address; `scopes` are those that its route declares."""

    method: str
    path: str
    scopes: frozenset[Scope]

    @property
    def is_public(self) -> bool:
        return self.path in PUBLIC


def permissions(app: FastAPI) -> list[Permission]:
    """All that the application answers, in the documentation or not."""
    return [permission for route in app.routes for permission in _of(route)]


def _of(route: BaseRoute) -> Iterator[Permission]:
    # Included routers are kept as such; their routes know prefix and dependencies in this context.
    contexts = getattr(route, "effective_route_contexts", None)
    found = [route] if contexts is None else list(contexts())
    for each in found:
        dependant = getattr(each, "dependant", None)
        scopes = frozenset() if dependant is None else frozenset(_declared(dependant))
        assert contexts is not None or isinstance(each, Route), f"{route} is no route with a path"
        methods: set[str] = getattr(each, "methods", None) or set()
        path: str = getattr(each, "path", "")
        assert path, route
        for method in sorted(methods - {"HEAD"}):
            # An id may hold slashes, which the OpenAPI document has no way to say.
            yield Permission(method, CONVERTOR.sub("}", path), scopes)


def _declared(dependant: Dependant) -> Iterator[Scope]:
    for inner in dependant.dependencies:
        if inner.call in DECLARATIONS:
            yield DECLARATIONS[inner.call]
        yield from _declared(inner)


def table(app: FastAPI) -> str:
    """The page of the reference."""
    lines = [f"| {role} | {_named(SCOPES_OF_ROLE[role])} |" for role in Role]
    lines += [
        "",
        "| address | scope | owner | admin | member | reader |",
        "|---|---|---|---|---|---|",
    ]
    for permission in permissions(app):
        may = [
            "yes" if permission.is_public or permission.scopes <= SCOPES_OF_ROLE[role] else "no"
            for role in Role
        ]
        scope = "none: public" if permission.is_public else _named(permission.scopes)
        lines.append(f"| `{permission.method} {permission.path}` | {scope} | {' | '.join(may)} |")
    return HEAD + "\n".join(lines) + "\n"


def _named(scopes: frozenset[Scope]) -> str:
    return ", ".join(f"`{scope}`" for scope in Scope if scope in scopes)


@asynccontextmanager
async def _never_opened() -> AsyncIterator[Services]:
    raise NotImplementedError
    yield


if __name__ == "__main__":
    PAGE.write_text(table(create_app(_never_opened())), encoding="utf-8")
