"""The names under which things lie in caches.

Every name begins with `{env}:{profile}:{tenant}:{corpus_version}:`. Without that beginning, what
one tenant was told could reach another, and what was told before a change could be told after it.
What comes then is one of the templates of this module, and ends in a digest of everything that the
thing depends on: no question can be read from a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

import orjson

from groundwell.domain.configuration import Setting
from groundwell.domain.documents import TenantId
from groundwell.domain.filters import Comparison, Condition, Filter
from groundwell.domain.search import SearchRequest

ANY_VERSION = "*"
"""The version of the corpus in keys of what depends on no document."""

_DIGEST_BYTES = 16
_TOKEN_BYTES = 6


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """The keys of one installation.

    `environment`: the release, so that during an upgrade no process reads what another release has
    written in another form. Which installation it is, the store itself knows. `profile`: the set of
    values that results were made with.
    """

    environment: str
    profile: str

    def embedding(self, tenant: TenantId, model: str, query: str) -> str:
        """`embed:{model}:{hash(query)}`: the vector of a query."""
        return f"{self.prefix(tenant)}embed:{model}:{_digest(query)}"

    def retrieval(self, request: SearchRequest, corpus_version: str, model: str) -> str:
        """`retrieval:{token}:{filename}:{hash(query)}`: what a search found.

        The token is a short digest of the tenant, never a credential. The file name is the one
        that the search is narrowed to, `*` without. The digest is of the model and the whole
        request; who asks is in the version, which names the access lists that he is on.
        """
        token = _digest(str(request.tenant), _TOKEN_BYTES)
        asked = _digest(repr((model, replace(request, viewer=None))))
        prefix = self.prefix(request.tenant, corpus_version)
        return f"{prefix}retrieval:{token}:{_filename_in(request.filter)}:{asked}"

    def response(
        self,
        tenant: TenantId,
        corpus_version: str,
        endpoint: str,
        parameters: Mapping[str, Setting],
    ) -> str:
        """`api:{endpoint}:{hash(params)}`: an application's answer.

        The order of the parameters is of no account. Put among them whatever else the answer
        depends on, such as the user where it is not the same for all who see the same documents.
        """
        params = orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS).decode()
        return f"{self.prefix(tenant, corpus_version)}api:{endpoint}:{_digest(params)}"

    def prefix(self, tenant: TenantId, corpus_version: str = ANY_VERSION) -> str:
        """How all keys of a tenant for a version of its corpus begin."""
        return f"{self.environment}:{self.profile}:{tenant}:{corpus_version}:"


def _filename_in(narrowing: Filter | None) -> str:
    """The one file name that a filter asks for; `*` for any other filter."""
    match narrowing:
        case Condition("filename", Comparison.EQ, (name,)):
            return str(name)
        case _:
            return "*"


def _digest(text: str, size: int = _DIGEST_BYTES) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
