"""Write what LangChain makes of the texts beside this file, as <text>.expected.json.

Run by hand after adding a text: python tests/golden/chunking/write_expected.py
"""

from __future__ import annotations

import json
from pathlib import Path

from langchain_text_splitters import RecursiveCharacterTextSplitter

SIZES = [(256, 0), (100, 20)]


def expected(text: str) -> dict[str, list[str]]:
    """The chunks of a text for each size and overlap."""
    return {
        f"{size}/{overlap}": RecursiveCharacterTextSplitter(
            chunk_size=size, chunk_overlap=overlap, separators=["\n\n", "\n", " ", ""]
        ).split_text(text)
        for size, overlap in SIZES
    }


def main() -> None:
    """Write one file for each text."""
    for path in Path(__file__).parent.glob("*.txt"):
        chunks = expected(path.read_bytes().decode())
        written = json.dumps(chunks, ensure_ascii=False, indent=1) + "\n"
        path.with_suffix(".expected.json").write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
