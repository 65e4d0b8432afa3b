from __future__ import annotations

import math

import numpy as np
import pytest

from groundwell.domain.chunks import Bits, Floats
from groundwell.domain.late_interaction import (
    PreparedQuery,
    centre_and_pack,
    partners,
    prepare_query,
    score,
    token_weights,
)


def random_floats(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def random_bits(tokens: int, dimension: int, seed: int = 0) -> Bits:
    return centre_and_pack(
        random_floats(tokens, dimension, seed=seed), np.zeros(dimension, np.float32)
    )


def random_query(tokens: int, dimension: int) -> PreparedQuery:
    weights = np.arange(1, tokens + 1, dtype=np.float32)
    return prepare_query(
        random_floats(tokens, dimension), random_floats(dimension, seed=1), weights
    )


def naive_score(query: PreparedQuery, bits: Bits) -> float:
    """The definition, written as loops."""
    dimension = query.vectors.shape[1]
    total = 0.0
    for vector, weight in zip(query.vectors, query.weights, strict=True):
        best = -math.inf
        for row in bits:
            signs = [1.0 if row[i // 8] >> (7 - i % 8) & 1 else -1.0 for i in range(dimension)]
            products = (q * sign for q, sign in zip(vector, signs, strict=True))
            best = max(best, sum(products) / math.sqrt(dimension))
        total += best * float(weight)
    return total


def test_bits_are_the_signs_of_the_centred_values_highest_bit_first():
    centre = np.array([1, 0, 0, 0, 0, 0, 0, 0], dtype=np.float32)
    vectors = np.array(
        [[2, -1, 1, -1, -1, -1, -1, 3], [0.5, 1, -1, -1, -1, -1, -1, -1]], dtype=np.float32
    )
    assert centre_and_pack(vectors, centre).tolist() == [[0b10100001], [0b01000000]]


def test_packing_no_tokens_gives_no_rows_of_the_right_width():
    packed = centre_and_pack(np.zeros((0, 16), np.float32), np.zeros(16, np.float32))
    assert packed.shape == (0, 2)


def test_a_prepared_query_is_centred_and_of_unit_length():
    centre = np.array([1.0, 1.0], dtype=np.float32)
    vectors = np.array([[4.0, 5.0], [1.0, 1.0]], dtype=np.float32)
    prepared = prepare_query(vectors, centre, np.array([3, 1], dtype=np.float32))
    assert prepared.vectors == pytest.approx(np.array([[0.6, 0.8]]))
    assert prepared.vectors.dtype == np.float32
    assert prepared.weights.tolist() == [1]


@pytest.mark.parametrize("tokens", [1, 2, 12, 33])
@pytest.mark.parametrize("dimension", [8, 64, 384])
def test_scores_equal_the_definition(tokens: int, dimension: int):
    query = random_query(tokens, dimension)
    bits = [random_bits(count, dimension, seed=count) for count in (3, 1, 7)]
    expected = [naive_score(query, rows) for rows in bits]
    assert score(query, bits) == pytest.approx(expected, abs=1e-5)


def test_scores_do_not_depend_on_the_company():
    query = random_query(12, 384)
    bits = [random_bits(170, 384, seed=seed) for seed in range(50)]
    alone = np.concatenate([score(query, [rows]) for rows in bits])
    assert score(query, bits) == pytest.approx(alone, abs=1e-5)


def test_the_own_sign_vector_scores_highest():
    query = random_query(4, 64)
    bits = [random_bits(4, 64, seed=9), centre_and_pack(query.vectors, np.zeros(64, np.float32))]
    scores = score(query, bits)
    assert scores[1] > scores[0]
    assert scores[1] <= 1


def test_a_chunk_without_tokens_has_no_score_and_disturbs_no_other():
    query = random_query(3, 16)
    full = random_bits(5, 16)
    empty = np.zeros((0, 2), np.uint8)
    scores = score(query, [empty, full, empty])
    assert np.isnan(scores[[0, 2]]).all()
    assert scores[1] == pytest.approx(score(query, [full])[0])


def test_a_query_without_tokens_scores_nothing():
    nothing = prepare_query(
        np.zeros((2, 16), np.float32), np.zeros(16, np.float32), np.ones(2, np.float32)
    )
    assert nothing.vectors.shape == (0, 16)
    assert np.isnan(score(nothing, [random_bits(5, 16)])).all()


def test_no_chunks_give_no_scores():
    query = random_query(3, 16)
    assert score(query, []).shape == (0,)


def test_a_word_counts_once_however_many_tokens_it_has():
    spans = [(0, 3), (3, 6), (6, 9), (10, 13)]
    weights = token_weights("supersets now", spans, {})
    assert weights[:3].sum() == pytest.approx(weights[3])


def test_a_rare_word_counts_more_than_a_common_one():
    weights = token_weights("deadlifts today", [(0, 9), (10, 15)], {"deadlift": 6.0, "today": 1.0})
    assert weights.tolist() == [8.0, 3.0]


def test_stop_words_count_a_little_and_punctuation_shares_with_the_word_before_it():
    spans = [(0, 1), (1, 4), (5, 8), (8, 9)]
    weights = token_weights("(the fox?", spans, {"fox": 4.0})
    assert weights.tolist() == [2.0, 2.0, 3.0, 3.0]


def test_partners_are_the_rows_that_make_the_score():
    query = random_query(5, 64)
    bits = random_bits(9, 64, seed=4)
    rows, similarities = partners(query, bits)
    assert float(similarities @ query.weights) == pytest.approx(naive_score(query, bits), abs=1e-5)
    first = PreparedQuery(query.vectors[:1], np.ones(1, np.float32), np.array([0]))
    of_first = [float(score(first, [bits[[row]]])[0]) for row in range(9)]
    assert rows[0] == np.argmax(of_first)
    assert similarities[0] == pytest.approx(max(of_first), abs=1e-5)


def test_a_prepared_query_knows_which_of_its_tokens_are_left():
    vectors = np.array([[1.0, 1.0], [4.0, 5.0]], dtype=np.float32)
    prepared = prepare_query(vectors, np.ones(2, np.float32), np.ones(2, np.float32))
    assert prepared.tokens.tolist() == [1]
