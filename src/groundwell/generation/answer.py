"""The stage's story: from the passages found to an answer that proves itself.

Without a language model the answer is made of the sources' own sentences. With one, the model
words it, every marker is checked while the text streams, and the whole at the end; an answer that
fails is asked for once more, and then the extractive one takes its place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from groundwell.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerMode,
    ChatMessage,
    Citation,
    CitationAdded,
    ContextUsage,
    SourcesFound,
    TextDelta,
)
from groundwell.domain.errors import BudgetExceededError, ProviderError, UnavailableError
from groundwell.domain.search import SearchResponse
from groundwell.domain.token_estimates import estimate_prompt, estimate_tokens
from groundwell.generation.check import problems_of
from groundwell.generation.cite import Draft
from groundwell.generation.context import BUDGET_CHARS
from groundwell.generation.extract import NOT_FOUND_TEXT, extract
from groundwell.generation.passages import FirstPage, PageLocator
from groundwell.generation.prompt import (
    MAX_HISTORY_CHARS,
    NO_ANSWER,
    RULES,
    SOURCE_TAGS,
    Prompt,
    make_prompt,
    make_repair,
)
from groundwell.generation.select import select_context
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import LanguageModel

DEGRADED = "language_model"
"""What `Answer.degraded` names when the model was away."""

OVER_BUDGET = "budget"
"""What it names when an answer had to be repaired, and nothing was left to pay for that."""

_UP_TO_MARKER = re.compile(r".*?\[(\d+)\]|.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Limits of an answer. `context_chars`: what a language model is shown at most."""

    max_answer_tokens: int = 800
    context_chars: int = BUDGET_CHARS


DEFAULT_OPTIONS = AnswerOptions()
FIRST_PAGE = FirstPage()


class Answerer:
    """Answers questions from search results, with or without a language model."""

    def __init__(
        self,
        embedder: Embedder,
        language_model: LanguageModel | None = None,
        options: AnswerOptions = DEFAULT_OPTIONS,
    ) -> None:
        self._embedder = embedder
        self._language_model = language_model
        self._options = options

    def tokens_wanted(self, query: str, response: SearchResponse) -> int:
        """About how many tokens the first call of the model may take; 0 where none is made.

        Known before the sources' sentences are chosen and the conversation is read: both count as
        if they filled their room.
        """
        if self._language_model is None or not response.results:
            return 0
        sources = "\n".join(result.text for result in response.results)
        return (
            estimate_prompt(RULES)
            + estimate_tokens(query)
            + estimate_tokens(sources[: self._options.context_chars])
            + estimate_tokens("x" * MAX_HISTORY_CHARS)
            + self._options.max_answer_tokens
        )

    async def answer(
        self,
        query: str,
        response: SearchResponse,
        history: Sequence[ChatMessage] = (),
        pages: PageLocator = FIRST_PAGE,
        *,
        is_streamed: bool = True,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """The answer as events: SourcesFound, TextDelta and CitationAdded, AnswerFinished.

        A CitationAdded follows the delta that brings its marker; those of an answer that is not
        what the deltas told come just before AnswerFinished. Without results, and where no
        sentence supports the query, the answer's mode is NOT_FOUND. A model that fails before its
        first delta, or at any time when not `is_streamed`, that is when nobody sees the deltas,
        is replaced by the extractive answer (`fallback_used`, `degraded`).

        Errors: ProviderError or UnavailableError when the model fails after its first delta and
        `is_streamed`; what was told is no answer. BudgetExceededError when the model may not be
        asked; a repair that may not be made is replaced, too. Close the generator to stop the
        model.
        """
        yield SourcesFound(response.results)
        model = self._language_model
        if model is None or not response.results:
            for event in _told(await extract(query, response, self._embedder, pages)):
                yield event
            return
        budget = self._options.context_chars
        selected = await select_context(query, response, self._embedder, budget, SOURCE_TAGS)
        response = replace(response, degraded=selected.degraded)
        prompt = make_prompt(query, selected, history)
        usage = ContextUsage(selected.context.characters, selected.context.tokens)
        generated = self._generated(model, query, response, prompt, pages, is_streamed=is_streamed)
        async with aclosing(generated) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    yield AnswerFinished(replace(event.answer, usage=usage))
                else:
                    yield event

    async def _generated(
        self,
        model: LanguageModel,
        query: str,
        response: SearchResponse,
        prompt: Prompt,
        pages: PageLocator,
        *,
        is_streamed: bool,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """The events of a model's answer, or of what has to take its place."""
        draft = Draft(prompt.sources, pages)
        has_begun = False
        try:
            async with _streamed(model, prompt, self._options.max_answer_tokens) as pieces:
                async for piece in pieces:
                    for event in await _fed(draft, piece):
                        has_begun = True
                        yield event
        except (ProviderError, UnavailableError):
            if has_begun and is_streamed:
                raise
            answer = await self._fall_back(query, response, pages, DEGRADED)
            for ending in _ended(answer, draft.citations) if has_begun else _told(answer):
                yield ending
            return
        for event in draft.close():
            yield event
        answer = await self._checked(model, query, response, prompt, draft, pages)
        for ending in _ended(answer, draft.citations):
            yield ending

    async def _checked(
        self,
        model: LanguageModel,
        query: str,
        response: SearchResponse,
        prompt: Prompt,
        draft: Draft,
        pages: PageLocator,
    ) -> Answer:
        """The draft if it passes the gate, else its repair, else the extractive answer."""
        finished, problems = await asyncio.to_thread(_judged, prompt, draft, response)
        if finished:
            return finished
        messages = make_repair(prompt, draft.text, problems)
        try:
            completion = await model.complete(messages, self._options.max_answer_tokens)
        except BudgetExceededError:
            return await self._fall_back(query, response, pages, OVER_BUDGET)
        except (ProviderError, UnavailableError):
            return await self._fall_back(query, response, pages, DEGRADED)
        repaired = Draft(prompt.sources, pages)
        await _fed(repaired, completion.text)
        repaired.close()
        finished, _ = await asyncio.to_thread(_judged, prompt, repaired, response)
        if finished:
            return finished
        return await self._fall_back(query, response, pages)

    async def _fall_back(
        self, query: str, response: SearchResponse, pages: PageLocator, *missing: str
    ) -> Answer:
        answer = await extract(query, response, self._embedder, pages)
        return replace(answer, fallback_used=True, degraded=(*answer.degraded, *missing))


@asynccontextmanager
async def _streamed(
    model: LanguageModel, prompt: Prompt, max_tokens: int
) -> AsyncIterator[AsyncIterator[str]]:
    """The model's pieces; leaving closes the provider's connection at once."""
    pieces = model.stream(prompt.messages, max_tokens)
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _fed(draft: Draft, piece: str) -> list[TextDelta | CitationAdded]:
    """The events of the next piece; others have a turn while its markers' sources are read."""
    if draft.is_quick(piece):
        return draft.feed(piece)
    return await asyncio.to_thread(draft.feed, piece)


def _judged(
    prompt: Prompt, draft: Draft, response: SearchResponse
) -> tuple[Answer | None, list[str]]:
    """The draft as an answer if nothing is wrong with it, and what is wrong."""
    if not draft.citations and draft.text.casefold().startswith(NO_ANSWER.casefold()):
        return Answer(NOT_FOUND_TEXT, (), AnswerMode.NOT_FOUND, degraded=response.degraded), []
    problems = problems_of(draft, prompt.sources)
    return None if problems else replace(draft.answer(), degraded=response.degraded), problems


def _ended(answer: Answer, announced: Sequence[Citation]) -> Iterator[AnswerEvent]:
    """The end of an answer: those of its citations that were not announced, then the whole."""
    for citation in answer.citations:
        if citation not in announced:
            yield CitationAdded(citation)
    yield AnswerFinished(answer)


def _told(answer: Answer) -> Iterator[AnswerEvent]:
    """A finished answer as events."""
    told = 0
    for match in _UP_TO_MARKER.finditer(answer.text):
        yield TextDelta(match.group())
        if match.group(1) and int(match.group(1)) > told:
            yield CitationAdded(answer.citations[told])
            told += 1
    yield AnswerFinished(answer)
