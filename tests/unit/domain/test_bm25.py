from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.bm25 import DIMENSIONS, idf, term_dimension, term_frequency, term_weights


def test_a_chunk_of_average_length_has_weights_tf_over_tf_plus_k1():
    weights = term_weights({"lift": 1, "wing": 3}, length=50, average_length=50.0)
    assert weights == pytest.approx({"lift": 1 / 2.5, "wing": 3 / 4.5})


def test_a_longer_chunk_weighs_less():
    # 1.5 * (1 - 0.6 + 0.6 * 2) = 2.4
    weights = term_weights({"lift": 2}, length=100, average_length=50.0)
    assert weights == pytest.approx({"lift": 2 / 4.4})


def test_a_collection_without_length_counts_every_chunk_as_average():
    assert term_weights({"lift": 1}, length=0, average_length=0.0) == {"lift": 1 / 2.5}


@given(
    count=st.integers(1, 10_000),
    length=st.integers(0, 10_000),
    average=st.floats(0, 10_000, allow_subnormal=False),
)
def test_weights_grow_with_the_count_and_stay_within_0_and_1(
    count: int, length: int, average: float
):
    weights = term_weights({"few": count, "more": count + 1}, length, average)
    assert 0 <= weights["few"] <= weights["more"] < 1


@pytest.mark.parametrize(
    ("documents", "frequency", "expected"),
    [(10, 1, math.log(1 + 9.5 / 1.5)), (10, 10, math.log(1 + 0.5 / 10.5)), (0, 0, math.log(2))],
)
def test_idf_matches_values_worked_out_by_hand(documents: int, frequency: int, expected: float):
    assert idf(documents, frequency) == pytest.approx(expected)


@given(documents=st.integers(0, 10**9), frequency=st.integers(0, 10**9))
def test_idf_is_never_negative(documents: int, frequency: int):
    assert idf(documents, frequency) > 0


def test_dimensions_never_change_between_releases():
    assert [term_dimension(term) for term in ("run", "5x5", "東京")] == [
        161176981,
        902446278,
        215949808,
    ]


@given(term=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_dimensions_fit_a_sparse_vector(term: str):
    assert 0 <= term_dimension(term) < DIMENSIONS


def test_thousands_of_terms_hardly_share_a_dimension():
    terms = [f"term{number}" for number in range(50_000)]
    assert len({term_dimension(term) for term in terms}) > 49_980


@given(count=st.integers(1, 300), length=st.integers(300, 3000), average=st.floats(1, 1000))
def test_a_weight_tells_how_often_its_term_occurs(count: int, length: int, average: float):
    weight = term_weights({"lift": count}, length, average)["lift"]
    # The index keeps single precision.
    assert term_frequency(float(np.float32(weight)), length, average) == count


def test_a_term_without_weight_does_not_occur():
    assert term_frequency(0.0, 10, 20.0) == 0
