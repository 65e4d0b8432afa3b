"""The process that makes sets: what it makes, and what happens when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from typing import NoReturn
from uuid import NAMESPACE_URL, uuid5

import psutil
import pytest
import pytest_asyncio
from tests.waiting import first_good, until

from groundwell.apps.quiz import making
from groundwell.apps.quiz.making import Readings, Workshop
from groundwell.apps.quiz.orders import (
    HEAD,
    Begin,
    Done,
    Failed,
    Forget,
    Lost,
    Piece,
    Read,
    Settle,
    Tell,
    TooLittle,
    packed,
    unpacked,
)
from groundwell.apps.quiz.questions import Passage, QuizMode
from groundwell.apps.quiz.wanted import Wanted
from groundwell.apps.quiz.workbench import Job, Workbench, WorkLostError
from groundwell.apps.quiz.workbench_process import Worker, serve
from groundwell.domain.chunks import ChunkId

WANTED = Wanted(None, 4, 4, QuizMode.QUIZ)
NOBODY: frozenset[str] = frozenset()
TOLD = (
    "Silicosis is a lung disease that is caused by dust of quartz.",
    "Anthracosis is a lung disease that is caused by dust of coal.",
    "Siderosis is a lung disease that is caused by dust of iron.",
    "Byssinosis is a lung disease that is caused by dust of cotton.",
    "Asbestosis is a lung disease that is caused by fibres of asbestos.",
)


def passages_of(sentences: Sequence[str]) -> tuple[Passage, ...]:
    return tuple(
        Passage(ChunkId(str(uuid5(NAMESPACE_URL, told))), told[:4], 1, "dust", None, None, 0, told)
        for told in sentences
    )


def begun(job: int, *, least_told: float = 0.0) -> Begin:
    return Begin(job, passages_of(TOLD), WANTED, NOBODY, None, least_told)


@pytest_asyncio.fixture
async def workbench() -> AsyncIterator[Workbench]:
    made = Workbench()
    yield made
    await made.close()


async def begin(job: Job) -> Piece:
    piece = await job.begin(passages_of(TOLD), WANTED, NOBODY, None)
    assert isinstance(piece, Piece)
    return piece


@pytest.fixture
def strangers() -> frozenset[psutil.Process]:
    """What runs beside the test: other tests may have such a process too."""
    return frozenset(psutil.Process().children())


def begun_since(strangers: frozenset[psutil.Process]) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child not in strangers]


async def test_another_process_makes_the_same_set_and_what_it_had_is_lost_with_it(
    strangers: frozenset[psutil.Process], workbench: Workbench
):
    own = Workshop(passages_of(TOLD), WANTED, NOBODY, Readings())
    with workbench.job() as first, workbench.job() as second:
        # Asked for together, they are made one after the other.
        piece, other = await asyncio.gather(begin(first), begin(second))
        assert piece.questions == other.questions == own.make()
        assert piece.questions.questions
        assert piece.unproved
        further = {claim: passages_of([claim]) for claim in piece.unproved}
        own.tell(further)
        told = await first.tell(further)
        assert told.questions == own.make() != piece.questions
        assert (await first.settle()).questions == own.settle(told.questions)
        (process,) = begun_since(strangers)
        process.kill()
        with pytest.raises(WorkLostError):
            await second.settle()
        # Another one is at work, which never heard of it.
        assert await begin(first) == piece
        with pytest.raises(WorkLostError):
            await second.settle()


def test_what_was_read_ahead_is_not_read_again(monkeypatch: pytest.MonkeyPatch):
    worker = Worker()
    assert worker.perform(Read(passages_of(TOLD))) == Done()

    def read_again(passage: Passage) -> NoReturn:
        raise AssertionError(passage.text)

    monkeypatch.setattr(making, "facts_of", read_again)
    piece = worker.perform(begun(1))
    assert isinstance(piece, Piece)
    assert piece.questions.questions
    assert isinstance(Worker().perform(begun(1)), Failed)


async def test_an_order_that_is_on_its_way_is_lost_with_the_process(
    strangers: frozenset[psutil.Process],
):
    async def killed_at_once() -> Piece | BaseException:
        workbench = Workbench()
        asking = asyncio.ensure_future(begin(workbench.job()))
        await until(lambda: begun_since(strangers))
        # It has only begun to load what it needs, unless the machine stood still here.
        begun_since(strangers)[0].kill()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        await workbench.close()
        return outcome

    outcome = await first_good(killed_at_once, lambda found: not isinstance(found, Piece))
    assert isinstance(outcome, WorkLostError)


def test_what_nobody_foresaw_ends_one_order_and_not_the_process():
    broken = Begin(1, (None,), WANTED, NOBODY, None, 0.0)  # type: ignore[arg-type] - on purpose
    answers = BytesIO()
    orders = (broken, begun(2), Forget(2), Settle(2), Tell(3, {}), begun(4, least_told=99.0))
    serve(BytesIO(b"".join(map(packed, orders))), answers)
    answers.seek(0)
    found = []
    while head := answers.read(HEAD.size):
        found.append(unpacked(answers.read(*HEAD.unpack(head))))
    assert [type(each) for each in found] == [Failed, Piece, Lost, Lost, TooLittle]
    assert "Traceback" in found[0].trace


def test_a_job_that_is_begun_again_is_made_of_its_new_passages():
    worker = Worker()
    first = worker.perform(begun(1))
    fewer = Begin(1, passages_of(TOLD[:1]), WANTED, NOBODY, None, 0.0)
    again = worker.perform(fewer)
    assert isinstance(first, Piece)
    assert isinstance(again, Piece)
    assert len(again.questions.questions) < len(first.questions.questions)
    assert worker.perform(Tell(1, {})) == again
