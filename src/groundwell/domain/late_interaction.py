"""Late interaction over token vectors that are kept as one bit per dimension.

A query token looks for its best partner among a chunk's tokens, and the chunk's score is the mean
of those best similarities (MaxSim: Khattab and Zaharia, 2020, arXiv:2004.12832). The chunk's side
keeps only on which side of the corpus mean each dimension lies; the query's side stays float.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import Bits, Floats
from groundwell.domain.languages import DEFAULT_LANGUAGE

_WORD = re.compile(r"\w+")
_COMMON_WORD = 2.0
"""What a word counts beside its rarity. Between 1 and 8 the mean over nine collections is flat."""
_LEAST_WEIGHT = 1e-12
_SMALL_PRODUCT = 1_000_000
"""OpenBLAS multiplies below this many multiplications without repacking its operands first, which
for a tall and narrow product costs as much as the product itself."""


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query's token vectors, (q, d), each of length 1, and how much each counts, (q,): sum 1.

    `tokens`: (q,), which of the query's tokens they are.
    """

    vectors: Floats
    weights: Floats
    tokens: NDArray[np.intp]


def centre_and_pack(token_vectors: Floats, centre: Floats) -> Bits:
    """The signs of the centred token vectors, eight dimensions to a byte.

    `token_vectors`: (n, d); `centre`: (d,); d must be a multiple of 8. Returns (n, d / 8). A bit
    is set where the value lies above the centre; the first dimension is the highest bit.
    """
    return np.packbits(token_vectors > centre, axis=1)


def prepare_query(token_vectors: Floats, centre: Floats, weights: Floats) -> PreparedQuery:
    """The query's token vectors, centred and scaled to length 1.

    `token_vectors`: (q, d); `centre`: (d,); `weights`: (q,), positive. A token that lies on the
    centre points nowhere and is dropped.
    """
    centred = token_vectors - centre
    lengths = np.linalg.norm(centred, axis=1)
    is_directed = lengths > 0
    directed: Floats = centred[is_directed] / lengths[is_directed, None]
    kept: Floats = weights[is_directed]
    share = kept / max(float(kept.sum()), _LEAST_WEIGHT)
    return PreparedQuery(directed, share, np.flatnonzero(is_directed))


def token_weights(
    text: str,
    spans: Sequence[tuple[int, int]],
    term_rarity: Mapping[str, float],
    languages: Sequence[str] = (DEFAULT_LANGUAGE,),
) -> Floats:
    """How much each token of a query counts: rare words more, and each word once.

    `spans`: the tokens' places in `text`; `term_rarity`: inverse document frequencies of the
    query's analysed terms, made in `languages`. Returns (len(spans),), positive. A word that the
    model cuts into many tokens would otherwise outweigh the others; the constant keeps the common
    words of a question, which tell what about its subject is asked.
    """
    words = list(_WORD.finditer(text))
    starts = [word.start() for word in words]
    # Punctuation goes with the word before it: its vector tells of what was said up to there.
    places = [bisect_right(starts, start) - 1 for start, _ in spans]
    shares = Counter(places)
    rarities = {
        place: _rarity(words[place][0], term_rarity, languages) for place in shares if place >= 0
    }
    weights = [(rarities.get(place, 0.0) + _COMMON_WORD) / shares[place] for place in places]
    return np.array(weights, dtype=np.float32)


def _rarity(word: str, term_rarity: Mapping[str, float], languages: Sequence[str]) -> float:
    # In the languages that are not the word's own its terms are rare because nobody writes them.
    return min(
        max((term_rarity.get(term, 0.0) for term in analyse(word, language)), default=0.0)
        for language in languages
    )


def score(query: PreparedQuery, bits: Sequence[Bits]) -> Floats:
    """Score chunks against a query; higher is better, within [-1, 1].

    `bits`: one (n_i, d / 8) array per chunk as `centre_and_pack` makes it. Returns (len(bits),):
    the weighted mean over query tokens of the greatest dot product with a chunk token's sign
    vector (each component +-1 / sqrt(d)). NaN for a chunk without tokens, and for every chunk when
    the query has none.
    """
    scores = np.full(len(bits), np.nan, dtype=np.float32)
    counts = np.fromiter(map(len, bits), dtype=np.intp, count=len(bits))
    filled = np.flatnonzero(counts)
    if not filled.size or not len(query.vectors):
        return scores
    products = _products(query.vectors, np.concatenate([rows for rows in bits if len(rows)]))
    starts = np.cumsum(counts[filled]) - counts[filled]
    best = np.maximum.reduceat(products, starts, axis=0)
    scores[filled] = _similarities(query.vectors, best) @ query.weights
    return scores


def partners(query: PreparedQuery, bits: Bits) -> tuple[NDArray[np.intp], Floats]:
    """Each query token's best partner among a chunk's tokens: its row, and their similarity.

    `bits`: (n, d / 8), n at least 1. Both results have the shape (q,); the similarities, weighted
    by the query's weights, add up to the chunk's `score`.
    """
    products = _products(query.vectors, bits)
    return products.argmax(axis=0), _similarities(query.vectors, products.max(axis=0))


def _similarities(query: Floats, products: Floats) -> Floats:
    # With b in {0, 1} the sign vector is 2b - 1, so q . sign = 2 q . b - sum(q). A maximum can be
    # taken before this step because it keeps the order.
    similarities: Floats = (2 * products - query.sum(axis=1)) / np.sqrt(query.shape[1])
    return similarities


def _products(query: Floats, packed: Bits) -> NDArray[np.float32]:
    """The dot products of every row of bits with every query token, shape (rows, q)."""
    tokens, dimension = query.shape
    columns = np.ascontiguousarray(query.T)
    products = np.empty((len(packed), tokens), dtype=np.float32)
    step = max(1, _SMALL_PRODUCT // (tokens * dimension))
    block = np.empty((min(step, len(packed)), dimension), dtype=np.float32)
    for start in range(0, len(packed), step):
        rows = packed[start : start + step]
        block[: len(rows)] = np.unpackbits(rows, axis=1)
        np.matmul(block[: len(rows)], columns, out=products[start : start + step])
    return products
