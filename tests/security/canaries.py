"""Words that stand nowhere else, put where secrets and texts are; and the search for them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.seeds import SEED


@dataclass
class Canaries:
    """One word for each place, and what was found where nobody may find any."""

    words: dict[str, str] = field(default_factory=dict)
    lines: int = 0
    hits: list[str] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(SEED))

    def __getitem__(self, place: str) -> str:
        """The word for a place, made at the first call."""
        return self.words.setdefault(place, f"canary{self._random.getrandbits(96):024x}")

    def add(self, place: str, secret: str) -> None:
        """Watch for a secret that somebody else has made."""
        self.words[place] = secret

    def search(self, where: str, text: str) -> None:
        """Look for all words, in every form in which a text may carry them."""
        self.lines += len(text.splitlines())
        folded = text.casefold()
        for place, word in self.words.items():
            forms = {word, json.dumps(word)[1:-1], quote(word), word.encode().hex(), word[:20]}
            if any(form.casefold() in folded for form in forms):
                self.hits.append(f"{place} in {where}")

    def verdict(self) -> str:
        """The figure to print."""
        return (
            f"{len(self.words)} canaries, {self.lines} lines searched, "
            f"{len(self.hits)} hits (seed {SEED})\n"
        )
