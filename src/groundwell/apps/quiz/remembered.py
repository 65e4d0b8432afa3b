"""What is kept of quizzes: sets that were made, for all processes, and what was read of chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pydantic import TypeAdapter

from groundwell.apps.quiz.ahead import ReadingAhead
from groundwell.apps.quiz.questions import QuestionSet
from groundwell.apps.quiz.wanted import Wanted
from groundwell.apps.quiz.workbench import Workbench
from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.chunks import ChunkId
from groundwell.domain.configuration import Setting
from groundwell.domain.documents import TenantId
from groundwell.ports.cache import Cache
from groundwell.store.collection_versions import CollectionVersion

_ENDPOINT = "questions"
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Made:
    """A set, its text, and the chunks that were read for it, of so many documents."""

    questions: QuestionSet
    text: str
    chunks: tuple[ChunkId, ...]
    documents: int


_MADE = TypeAdapter(Made)


@dataclass(frozen=True, slots=True)
class SharedSets:
    """Where the sets of a tenant are kept for `seconds`, under the name of everything they are of.

    Degraded sets are not, nor those for which a language model gave nothing: the next one may lack
    nothing.
    """

    cache: Cache
    tenant: TenantId
    key: str
    seconds: float

    async def find(self) -> Made | None:
        """The set that any process has made."""
        kept = await self.cache.get(self.tenant, self.key)
        return None if kept is None else _MADE.validate_json(kept.content)

    async def keep(self, made: Made) -> None:
        """Keep a set for all processes."""
        if not (made.questions.degraded or made.questions.fallback_used):
            await self.cache.put(self.tenant, self.key, _MADE.dump_json(made), self.seconds)


class QuizMemory:
    """What the requests for questions of a process share. For one event loop.

    Requests for the same set that come together are answered by one computation.
    """

    def __init__(self) -> None:
        self.workbench = Workbench()
        self.ahead = ReadingAhead(self.workbench)
        self._flights: dict[str, asyncio.Task[tuple[Made, bool]]] = {}

    async def close(self) -> None:
        """End the process that makes sets, and what it was to do."""
        await self.ahead.close()
        await self.workbench.close()

    async def get(
        self, shared: SharedSets, make: Callable[[], Awaitable[Made]]
    ) -> tuple[Made, bool]:
        """The set, made now unless it is kept, and whether it was. Raises what `make` raises.

        Whoever leaves does not stop the making: others may wait for it. It goes on for whoever came
        first, who also pays for a language model that is asked.
        """
        flight = self._flights.get(shared.key)
        if flight is None:
            flight = asyncio.ensure_future(_find_or_make(shared, make))
            self._flights[shared.key] = flight
            flight.add_done_callback(lambda ended: self._land(shared.key, ended))
        return await asyncio.shield(flight)

    def _land(self, key: str, flight: asyncio.Task[tuple[Made, bool]]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            # Everybody who waited may have left; then nobody else looks at it.
            flight.exception()


async def _find_or_make(
    shared: SharedSets, make: Callable[[], Awaitable[Made]]
) -> tuple[Made, bool]:
    found = await shared.find()
    if found is not None:
        return found, True
    made = await make()
    await shared.keep(made)
    return made, False


def set_key(
    keys: CacheKeys,
    tenant: TenantId,
    versions: Sequence[CollectionVersion],
    wanted: Wanted,
    retired: Sequence[str],
    model: str | None,
) -> str:
    """The name of a set in caches, which changes with everything that the set depends on.

    Of who asks, the versions name all that matters: the tenant's collections, and the access lists
    that he is on. `retired`: the ids of questions that are not to be asked. `model`: the language
    model that proposes questions.
    """
    labels = [version.label() for version in versions]
    # A key has room for one label, and a tenant may have any number of collections.
    label = labels[0] if len(labels) == 1 else _digest("\n".join(labels))
    # The representation of a dataclass has all its fields, those of later days too.
    parameters: dict[str, Setting] = {
        "wanted": repr(wanted),
        "retired": _digest("\n".join(retired)),
        "model": model,
    }
    return keys.response(tenant, label, _ENDPOINT, parameters)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
