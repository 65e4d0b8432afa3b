"""Which methods an address takes (RFC 9110, section 10.2.1)."""

from __future__ import annotations

import re

from fastapi import FastAPI

_PARAMETER = re.compile(r"\{[^}]*\}")


def allowed_methods(app: FastAPI, path: str) -> str | None:
    """The methods for the header `Allow`; None for an address that is not in the document.

    Several routes can fit an address, such as `/users/me` and `/users/{user_id}`. Meant is the one
    with the most characters of its own.
    """
    fitting = [template for template in app.openapi()["paths"] if _fits(template, path)]
    if not fitting:
        return None
    meant = max(fitting, key=lambda template: len(_PARAMETER.sub("", template)))
    return ", ".join(sorted(method.upper() for method in app.openapi()["paths"][meant]))


def _fits(template: str, path: str) -> bool:
    # Ids of documents may have slashes; where others may not, the router has said so.
    pattern = ".+".join(re.escape(part) for part in _PARAMETER.split(template))
    return re.fullmatch(pattern, path) is not None
