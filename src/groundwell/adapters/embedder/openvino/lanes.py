"""Threads that run batches: queries before passages, whatever waits together in one batch."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread
from typing import Any, TypeAlias, TypeVar

from groundwell.adapters.embedder.openvino.inference import Runner
from groundwell.domain.chunks import Encoding
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.encoders.layout import cut_batches
from groundwell.encoders.tokenization import TokenizedText

Tokenize: TypeAlias = Callable[[Sequence[str]], list[TokenizedText]]

_T = TypeVar("_T")

_WINDOW_TEXTS = 512
_MOST_QUERIES = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Query:
    text: str
    future: Future[Encoding]


@dataclass(slots=True)
class _Order:
    """One call of `embed_documents`; its future is settled by whoever finishes its last text."""

    texts: list[str]
    future: Future[list[Encoding]]
    encodings: dict[int, Encoding] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def finish(self, indices: Sequence[int], encodings: Sequence[Encoding]) -> None:
        with self.lock:
            self.encodings.update(zip(indices, encodings, strict=True))
            is_complete = len(self.encodings) == len(self.texts)
        if is_complete:
            _settle(self.future, [self.encodings[index] for index in range(len(self.texts))])


@dataclass(frozen=True, slots=True)
class _Window:
    """Texts of an order that are tokenized and sorted together."""

    order: _Order
    start: int


@dataclass(frozen=True, slots=True)
class _Batch:
    order: _Order
    indices: list[int]
    texts: list[TokenizedText]


_Work: TypeAlias = list[_Query] | _Window | _Batch


class Lanes:
    """A thread for each runner. Every lane takes queries first, all that wait, up to 32."""

    def __init__(
        self, runners: Sequence[Runner], tokenize_queries: Tokenize, tokenize_passages: Tokenize
    ) -> None:
        self._tokenize_queries = tokenize_queries
        self._tokenize_passages = tokenize_passages
        self._has_work = Condition()
        self._queries: deque[_Query] = deque()
        self._batches: deque[_Batch] = deque()
        self._windows: deque[_Window] = deque()
        self._is_closed = False
        self._threads = [
            Thread(target=self._serve, args=(runner,), name=f"embedder-{number}", daemon=True)
            for number, runner in enumerate(runners)
        ]
        for thread in self._threads:
            thread.start()

    def submit_query(self, text: str) -> Future[Encoding]:
        """Embed one query as soon as a lane is free."""
        query = _Query(text, Future())
        with self._has_work:
            self._check_open()
            self._queries.append(query)
            self._has_work.notify()
        return query.future

    def submit_passages(self, texts: Sequence[str]) -> Future[list[Encoding]]:
        """Embed passages behind whatever came before; `texts` must not be empty."""
        order = _Order(list(texts), Future())
        with self._has_work:
            self._check_open()
            self._windows.extend(
                _Window(order, start) for start in range(0, len(texts), _WINDOW_TEXTS)
            )
            self._has_work.notify_all()
        return order.future

    def close(self) -> None:
        """Finish the batches that run, refuse those that wait, end the threads."""
        with self._has_work:
            self._is_closed = True
            self._has_work.notify_all()
        for thread in self._threads:
            thread.join()
        refusal = _closed()
        for query in self._queries:
            _fail(query.future, refusal)
        orders = [batch.order for batch in self._batches]
        orders += [window.order for window in self._windows]
        for order in orders:
            _fail(order.future, refusal)
        self._queries.clear()
        self._batches.clear()
        self._windows.clear()

    def _check_open(self) -> None:
        if self._is_closed:
            raise _closed()

    def _serve(self, runner: Runner) -> None:
        while (work := self._take()) is not None:
            try:
                self._perform(work, runner)
            except (RuntimeError, ValueError, TypeError, MemoryError):
                # The lane must outlive any text; the caller gets the error.
                _log.exception("the embedding model failed")
                failure = ProviderError("The embedding model failed; the server's log says why.")
                for future in _futures_of(work):
                    _fail(future, failure)

    def _take(self) -> _Work | None:
        with self._has_work:
            while not self._is_closed:
                if self._queries:
                    count = min(len(self._queries), _MOST_QUERIES)
                    return [self._queries.popleft() for _ in range(count)]
                work = self._next_passages()
                if work is None:
                    self._has_work.wait()
                elif not work.order.future.done():
                    return work
        return None

    def _next_passages(self) -> _Window | _Batch | None:
        if self._batches:
            return self._batches.popleft()
        return self._windows.popleft() if self._windows else None

    def _perform(self, work: _Work, runner: Runner) -> None:
        match work:
            case list():
                texts = self._tokenize_queries([query.text for query in work])
                waiting = iter(work)
                for encodings in runner.run_short(texts):
                    for encoding, query in zip(encodings, waiting, strict=False):
                        _settle(query.future, encoding)
            case _Window(order, start):
                texts = self._tokenize_passages(order.texts[start : start + _WINDOW_TEXTS])
                batches = [
                    _Batch(order, [start + row for row in rows], [texts[row] for row in rows])
                    for rows in cut_batches([len(text.ids) for text in texts])
                ]
                with self._has_work:
                    self._batches.extend(batches)
                    self._has_work.notify_all()
            case _Batch(order, indices, texts):
                order.finish(indices, runner.run(texts))


def _futures_of(work: _Work) -> list[Future[Any]]:
    return [query.future for query in work] if isinstance(work, list) else [work.order.future]


def _settle(future: Future[_T], result: _T) -> None:
    # The caller may have gone away in the meantime.
    if future.set_running_or_notify_cancel():
        future.set_result(result)


def _fail(future: Future[_T], error: Exception) -> None:
    # An order fails once, though several of its batches may.
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_exception(error)


def _closed() -> UnavailableError:
    return UnavailableError("The embedder is closed; the server is shutting down.")
