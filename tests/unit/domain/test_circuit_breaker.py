"""Circuit breakers: what opens them, who tries again, and what counts."""

from __future__ import annotations

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from groundwell.domain.circuit_breaker import (
    LEAST_FAILURES,
    LEAST_SHARE,
    OPEN_SECONDS,
    WINDOW_SECONDS,
    CircuitBreaker,
    Circuits,
    CircuitState,
    Permit,
)
from groundwell.domain.errors import (
    GroundwellError,
    NotFoundError,
    ProviderError,
    ProviderTimeoutError,
    UnavailableError,
)

AWAY = UnavailableError("Away.")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("embedder", "words at model.test", clock)


def call(breaker: CircuitBreaker, error: BaseException | None = None) -> None:
    """A call that ends as said. Raises what the breaker raises."""
    with breaker.call():
        if error is not None:
            raise error


def fail(breaker: CircuitBreaker, times: int, error: GroundwellError = AWAY) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            call(breaker, error)


def refused(breaker: CircuitBreaker) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        call(breaker)
    assert caught.value.code == "circuit_open"
    return caught.value


def test_five_failures_open_it_for_fifteen_seconds(breaker: CircuitBreaker, clock: Clock):
    fail(breaker, 4)
    assert breaker.state is CircuitState.CLOSED
    fail(breaker, 1)
    assert breaker.state is CircuitState.OPEN
    assert refused(breaker).retry_after_seconds == 15
    clock.now += 14.5
    assert refused(breaker).retry_after_seconds == 1
    clock.now += 0.5
    assert breaker.state is CircuitState.HALF_OPEN


def test_half_of_the_calls_may_fail(breaker: CircuitBreaker):
    for _ in range(20):
        call(breaker)
        fail(breaker, 1)
    assert breaker.state is CircuitState.CLOSED
    fail(breaker, 1)
    assert breaker.state is CircuitState.OPEN


def test_failures_older_than_thirty_seconds_are_forgotten(breaker: CircuitBreaker, clock: Clock):
    fail(breaker, 4)
    clock.now += WINDOW_SECONDS
    fail(breaker, 4)
    assert breaker.state is CircuitState.CLOSED


def test_one_call_tries_whether_the_part_is_back(breaker: CircuitBreaker, clock: Clock):
    fail(breaker, 5)
    clock.now += OPEN_SECONDS
    with breaker.call():
        refused(breaker)
    assert breaker.state is CircuitState.CLOSED
    call(breaker)


def test_a_probe_that_fails_opens_it_again(breaker: CircuitBreaker, clock: Clock):
    fail(breaker, 5)
    clock.now += OPEN_SECONDS
    fail(breaker, 1)
    assert refused(breaker).retry_after_seconds == 15


def test_the_first_token_of_a_probe_closes_it(breaker: CircuitBreaker, clock: Clock):
    fail(breaker, 5)
    clock.now += OPEN_SECONDS
    with breaker.call() as permit:
        permit.answered()
        call(breaker)


@pytest.mark.parametrize("leaving", [GeneratorExit, KeyboardInterrupt])
def test_a_probe_whose_caller_leaves_lets_another_try(
    breaker: CircuitBreaker, clock: Clock, leaving: type[BaseException]
):
    fail(breaker, 5)
    clock.now += OPEN_SECONDS
    with pytest.raises(leaving):
        call(breaker, leaving())
    assert breaker.state is CircuitState.HALF_OPEN
    call(breaker)
    assert breaker.state is CircuitState.CLOSED


def test_a_call_from_before_says_nothing_about_the_probe(breaker: CircuitBreaker, clock: Clock):
    early = Permit(breaker, breaker._admit())
    fail(breaker, 5)
    clock.now += OPEN_SECONDS
    call(breaker)
    early.end(is_failure=True)
    fail(breaker, 4)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("No such blob."),
        ProviderError("Wrong key.", code="provider_rejected"),
        UnavailableError("Slow down.", code="provider_overloaded", retry_after_seconds=1),
    ],
)
def test_who_refuses_or_asks_to_wait_is_there(breaker: CircuitBreaker, error: GroundwellError):
    fail(breaker, 50, error)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("error", [AWAY, ProviderTimeoutError("Slow."), ProviderError("Nonsense.")])
def test_who_is_away_slow_or_answers_nonsense_is_broken(
    breaker: CircuitBreaker, error: GroundwellError
):
    fail(breaker, 5, error)
    assert breaker.state is CircuitState.OPEN


def test_callers_who_leave_count_as_nothing(breaker: CircuitBreaker):
    for _ in range(50):
        with pytest.raises(GeneratorExit):
            call(breaker, GeneratorExit())
    assert breaker.state is CircuitState.CLOSED
    fail(breaker, 5)
    assert breaker.state is CircuitState.OPEN


def test_broken_parts_are_named_once(clock: Clock):
    circuits = Circuits()
    first = circuits.watch(CircuitBreaker("embedder", "a", clock))
    second = circuits.watch(CircuitBreaker("embedder", "b", clock))
    circuits.watch(CircuitBreaker("reranker", "c", clock))
    assert circuits.broken_parts() == []
    fail(first, 5)
    fail(second, 5)
    assert circuits.broken_parts() == ["embedder"]


class BreakerMachine(stateful.RuleBasedStateMachine):
    """The breaker beside a model that keeps all outcomes in a list and counts them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = CircuitBreaker("embedder", "words", self.clock)
        self.outcomes: list[tuple[float, bool]] = []
        self.opened_at: float | None = None
        self.era = 0
        self.probe: Permit | None = None
        self.running: list[tuple[Permit, int]] = []

    def is_open(self) -> bool:
        return self.opened_at is not None and self.clock.now < self.opened_at + OPEN_SECONDS

    @stateful.rule()
    def begin(self) -> None:
        is_refused = self.is_open() or (self.opened_at is not None and self.probe is not None)
        if is_refused:
            seconds = refused(self.breaker).retry_after_seconds
            assert seconds is not None
            assert 1 <= seconds <= OPEN_SECONDS
            return
        permit = Permit(self.breaker, self.breaker._admit())
        self.running.append((permit, self.era))
        if self.opened_at is not None:
            self.probe = permit

    @stateful.precondition(lambda self: self.running)
    @stateful.rule(data=st.data(), outcome=st.sampled_from(["good", "bad", "bad", "left"]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        index = data.draw(st.integers(0, len(self.running) - 1))
        permit, era = self.running.pop(index)
        if outcome == "left":
            permit.abandon()
            if permit is self.probe:
                self.probe = None
            return
        permit.end(is_failure=outcome == "bad")
        if era != self.era:
            return
        if permit is self.probe:
            self.change(self.clock.now if outcome == "bad" else None)
            return
        self.outcomes.append((self.clock.now, outcome == "bad"))
        recent = [bad for at, bad in self.outcomes if at > self.clock.now - WINDOW_SECONDS]
        if sum(recent) >= LEAST_FAILURES and sum(recent) > LEAST_SHARE * len(recent):
            self.change(self.clock.now)

    def change(self, opened_at: float | None) -> None:
        self.era += 1
        self.opened_at, self.probe, self.outcomes = opened_at, None, []

    @stateful.rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 7.0, 15.0, 29.0, 30.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @stateful.invariant()
    def state_is_that_of_the_model(self) -> None:
        expected = CircuitState.CLOSED
        if self.opened_at is not None:
            expected = CircuitState.OPEN if self.is_open() else CircuitState.HALF_OPEN
        assert self.breaker.state is expected


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
