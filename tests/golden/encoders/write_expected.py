"""Write what transformers and sentence-transformers make of the tests' tiny models.

Run by hand, in an environment of its own with torch, transformers and sentence-transformers:
PYTHONPATH=. python tests/golden/encoders/write_expected.py
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from tests.fakes.encoder_folder import FAMILIES, WORDS, write_cross_encoder, write_encoder
from transformers import AutoModel

SHORT = [2, *range(4, 11), 3]
LONG = [2, *(4 + (number * number) % 7 for number in range(138)), 3]
QUERIES = ["red fox", "blue", "green foxes : red"]
PASSAGES = ["red red fox", "green : blue", "blue fox red green " * 20, "fox"]
ACTIVATIONS = ("torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid")
MADE_BY = ("torch", "transformers", "sentence-transformers")


def states(folder: Path, ids: list[int]) -> list[list[float]]:
    """The states of the first, the middle and the last token."""
    model, loading = AutoModel.from_pretrained(folder, output_loading_info=True)
    missing = [name for name in loading["missing_keys"] if not name.startswith("pooler.")]
    assert not missing, missing
    assert not loading["unexpected_keys"], loading
    with torch.no_grad():
        hidden = model(torch.tensor([ids])).last_hidden_state[0]
    chosen = hidden[[0, len(ids) // 2, -1]].tolist()
    return [[round(value, 6) for value in row] for row in chosen]


def scores(folder: Path) -> list[list[float]]:
    """The scores of each passage, for each query."""
    model = CrossEncoder(str(folder), device="cpu")
    return [
        [round(float(score), 6) for score in model.predict([(query, p) for p in PASSAGES])]
        for query in QUERIES
    ]


def main() -> None:
    """Write both files."""
    here = Path(__file__).parent
    assert max(LONG) < len(WORDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoded: dict[str, object] = {}
        scored: dict[str, dict[str, object]] = {}
        for family in FAMILIES:
            scored[family] = {}
            encoder = write_encoder(folder / family, family=family)
            encoded[family] = [
                {"ids": ids, "states": states(encoder, ids)} for ids in (SHORT, LONG)
            ]
            for activation in ACTIVATIONS:
                place = folder / f"{family} {activation}"
                config = {"sbert_ce_default_activation_function": activation}
                model = write_cross_encoder(place, family=family, **config)
                scored[family][activation] = scores(model)
    made_by = {package: version(package) for package in MADE_BY}
    pairs = {"queries": QUERIES, "passages": PASSAGES, "scores": scored}
    for file, content in (("states", {"states": encoded}), ("scores", pairs)):
        written = json.dumps({"made_by": made_by} | content) + "\n"
        (here / f"{file}.expected.json").write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
