"""From chunks to what the index holds of them: vector, token bits, terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from groundwell.domain.analysis import analyse, telling_tokens
from groundwell.domain.chunks import Chunk, EncodedChunk, Encoding, Floats
from groundwell.domain.late_interaction import centre_and_pack
from groundwell.ports.embedder import Embedder

_MOST_CONTEXT_CHARACTERS = 160


def text_in_context(title: str | None, chunk: Chunk) -> str:
    """The chunk under its title and headings: what is embedded and analysed.

    A passage is often understandable only with what stands above it. The context is kept short,
    since its tokens are paid for with every chunk.
    """
    context: list[str] = []
    for line in (title or "", *chunk.heading_path):
        stripped = " ".join(line.split())[:_MOST_CONTEXT_CHARACTERS]
        if stripped and stripped not in context and not chunk.text.startswith(stripped):
            context.append(stripped)
    return "\n".join([*context, chunk.text])


async def encode_chunks(
    embedder: Embedder, centre: Floats, titles: Sequence[str | None], chunks: Sequence[Chunk]
) -> list[EncodedChunk]:
    """Encode chunks; `titles` are their documents' titles, one for each chunk."""
    texts = [text_in_context(title, chunk) for title, chunk in zip(titles, chunks, strict=True)]
    encodings = await embedder.embed_documents(texts)
    return [
        _encoded(chunk, text, encoding, centre)
        for chunk, text, encoding in zip(chunks, texts, encodings, strict=True)
    ]


def _encoded(chunk: Chunk, text: str, encoding: Encoding, centre: Floats) -> EncodedChunk:
    terms = analyse(text)
    has_tokens = len(encoding.token_vectors) > 0
    telling = telling_tokens(text, encoding.token_spans) if has_tokens else slice(0)
    return EncodedChunk(
        chunk=chunk,
        vector=encoding.vector,
        token_bits=centre_and_pack(encoding.token_vectors[telling], centre),
        terms=dict(Counter(terms)),
        length=len(terms),
    )
