"""The stage's story: from the passages found to an answer that proves itself.

Without a language model the answer is made of the sources' own sentences. With one, the model
words it, every marker is checked while the text streams, and the whole at the end; an answer that
fails is asked for once more, and then the extractive one takes its place.
"""

from __future__ import annotations

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
    SourcesFound,
    TextDelta,
)
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import SearchResponse
from groundwell.generation.check import problems_of
from groundwell.generation.cite import Draft
from groundwell.generation.extract import NOT_FOUND_TEXT, extract
from groundwell.generation.passages import FirstPage, PageLocator
from groundwell.generation.prompt import NO_ANSWER, Prompt, make_prompt, make_repair
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import LanguageModel

DEGRADED = "language_model"
"""What `Answer.degraded` names when the model was away."""

_UP_TO_MARKER = re.compile(r".*?\[(\d+)\]|.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Limits of an answer."""

    max_answer_tokens: int = 800


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
        `is_streamed`; what was told is no answer. Close the generator to stop the model.
        """
        yield SourcesFound(response.results)
        model = self._language_model
        if model is None or not response.results:
            for event in _told(await extract(query, response, self._embedder, pages)):
                yield event
            return
        prompt = make_prompt(query, response.results, history)
        generated = self._generated(model, query, response, prompt, pages, is_streamed=is_streamed)
        async with aclosing(generated) as events:
            async for event in events:
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
                    for event in draft.feed(piece):
                        has_begun = True
                        yield event
        except (ProviderError, UnavailableError):
            if has_begun and is_streamed:
                raise
            answer = await self._fall_back(query, response, pages, is_model_away=True)
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
        if finished := _passed(prompt, draft, response):
            return finished
        messages = make_repair(prompt, draft.text, problems_of(draft, prompt.sources))
        try:
            completion = await model.complete(messages, self._options.max_answer_tokens)
        except (ProviderError, UnavailableError):
            return await self._fall_back(query, response, pages, is_model_away=True)
        repaired = Draft(prompt.sources, pages)
        repaired.feed(completion.text)
        repaired.close()
        if finished := _passed(prompt, repaired, response):
            return finished
        return await self._fall_back(query, response, pages, is_model_away=False)

    async def _fall_back(
        self, query: str, response: SearchResponse, pages: PageLocator, *, is_model_away: bool
    ) -> Answer:
        answer = await extract(query, response, self._embedder, pages)
        degraded = (*answer.degraded, DEGRADED) if is_model_away else answer.degraded
        return replace(answer, fallback_used=True, degraded=degraded)


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


def _passed(prompt: Prompt, draft: Draft, response: SearchResponse) -> Answer | None:
    """The draft as an answer if nothing is wrong with it."""
    if not draft.citations and draft.text.casefold().startswith(NO_ANSWER.casefold()):
        return Answer(NOT_FOUND_TEXT, (), AnswerMode.NOT_FOUND, degraded=response.degraded)
    if problems_of(draft, prompt.sources):
        return None
    return replace(draft.answer(), degraded=response.degraded)


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
