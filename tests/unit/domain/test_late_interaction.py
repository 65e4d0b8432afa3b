from __future__ import annotations

import math

import numpy as np
import pytest

from groundwell.domain.chunks import Bits, Floats
from groundwell.domain.late_interaction import centre_and_pack, prepare_query, score


def random_floats(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def random_bits(tokens: int, dimension: int, seed: int = 0) -> Bits:
    return centre_and_pack(
        random_floats(tokens, dimension, seed=seed), np.zeros(dimension, np.float32)
    )


def naive_score(query: Floats, bits: Bits) -> float:
    """The definition, written as loops."""
    dimension = query.shape[1]
    total = 0.0
    for vector in query:
        best = -math.inf
        for row in bits:
            signs = [1.0 if row[i // 8] >> (7 - i % 8) & 1 else -1.0 for i in range(dimension)]
            products = (q * sign for q, sign in zip(vector, signs, strict=True))
            best = max(best, sum(products) / math.sqrt(dimension))
        total += best
    return total / len(query)


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
    prepared = prepare_query(vectors, centre)
    assert prepared == pytest.approx(np.array([[0.6, 0.8]]))
    assert prepared.dtype == np.float32


@pytest.mark.parametrize("tokens", [1, 2, 12, 33])
@pytest.mark.parametrize("dimension", [8, 64, 384])
def test_scores_equal_the_definition(tokens: int, dimension: int):
    query = prepare_query(random_floats(tokens, dimension), random_floats(dimension, seed=1))
    bits = [random_bits(count, dimension, seed=count) for count in (3, 1, 7)]
    expected = [naive_score(query, rows) for rows in bits]
    assert score(query, bits) == pytest.approx(expected, abs=1e-5)


def test_scores_do_not_depend_on_the_company():
    query = prepare_query(random_floats(12, 384), np.zeros(384, np.float32))
    bits = [random_bits(170, 384, seed=seed) for seed in range(50)]
    alone = np.concatenate([score(query, [rows]) for rows in bits])
    assert score(query, bits) == pytest.approx(alone, abs=1e-5)


def test_the_own_sign_vector_scores_highest():
    query = prepare_query(random_floats(4, 64), np.zeros(64, np.float32))
    bits = [random_bits(4, 64, seed=9), centre_and_pack(query, np.zeros(64, np.float32))]
    scores = score(query, bits)
    assert scores[1] > scores[0]
    assert scores[1] <= 1


def test_a_chunk_without_tokens_has_no_score_and_disturbs_no_other():
    query = prepare_query(random_floats(3, 16), np.zeros(16, np.float32))
    full = random_bits(5, 16)
    empty = np.zeros((0, 2), np.uint8)
    scores = score(query, [empty, full, empty])
    assert np.isnan(scores[[0, 2]]).all()
    assert scores[1] == pytest.approx(score(query, [full])[0])


def test_a_query_without_tokens_scores_nothing():
    nothing = prepare_query(np.zeros((2, 16), np.float32), np.zeros(16, np.float32))
    assert nothing.shape == (0, 16)
    assert np.isnan(score(nothing, [random_bits(5, 16)])).all()


def test_no_chunks_give_no_scores():
    query = prepare_query(random_floats(3, 16), np.zeros(16, np.float32))
    assert score(query, []).shape == (0,)
