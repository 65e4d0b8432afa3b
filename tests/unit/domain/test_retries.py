"""Retries: how many, and after what pause."""

from __future__ import annotations

from groundwell.domain.retries import RESERVE, Jitter, RetryBudget


def test_a_tenth_of_the_calls_may_be_made_again():
    budget = RetryBudget()
    taken = 0
    for _ in range(1000):
        budget.count_call()
        taken += budget.take()
    assert 100 <= taken <= 100 + RESERVE


def test_good_times_save_retries_for_bad_ones_but_not_without_end():
    budget = RetryBudget()
    for _ in range(100_000):
        budget.count_call()
    taken = 0
    while budget.take():
        taken += 1
    assert taken == 20


def test_pauses_are_drawn_from_the_whole_range():
    pauses = [Jitter(seed).pause(None) for seed in range(200)]
    assert min(pauses) < 0.05
    assert 0.45 < max(pauses) <= 0.5


def test_no_retry_comes_before_the_server_said():
    pauses = [Jitter(seed).pause(7) for seed in range(200)]
    assert 7 <= min(pauses) < 7.1
    assert 7.9 < max(pauses) <= 8
