"""Bytes into text when nobody says which encoding it is."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from groundwell.domain.errors import DocumentError

_MARKS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 1 << 20
_UNUSED_PART = 12
_MOSTLY = 0.4
_ALMOST_NEVER = 0.02
_MAX_CONTROL_SHARE = 0.01
_STRAY_CONTROLS = 4
_AS_PLAUSIBLE = 0.01
_WESTERN = "cp1252"
# What browsers read (WHATWG, Encoding Standard, section 4.2), under Python's names.
_DECLARABLE = frozenset(
    [
        *(f"iso8859-{part}" for part in range(1, 17) if part != _UNUSED_PART),
        *(f"cp125{page}" for page in range(9)),
        *("ascii", "big5", "big5hkscs", "cp866", "cp874", "cp932", "cp949", "euc_jp", "euc_kr"),
        *("gb18030", "gb2312", "gbk", "iso2022_jp", "koi8-r", "koi8-u", "mac-cyrillic"),
        *("mac-roman", "shift_jis", "tis-620", "utf-8"),
    ]
)
_FEW_FOREIGN_BYTES = 0.2
_FIRST_FOREIGN_BYTE = 0x80
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffe\uffff]")


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the text of `data`.

    Tried in this order: a byte-order mark, UTF-8, the zeros of UTF-16 and UTF-32, the encoding that
    the file itself declares, and what charset-normalizer finds most plausible.

    Errors: DocumentError `bad_encoding`.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_strictly(data[len(mark) :], encoding)
    wide = _guess_wide(data[:_SAMPLE_BYTES])
    if wide is not None:
        return _decode_strictly(data, wide)
    try:
        return _refuse_binary(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if declared is not None and _is_known(declared):
        # Browsers read what calls itself Latin-1 as Windows-1252, and so do its authors.
        latin = codecs.lookup(declared).name in ("iso8859-1", "ascii")
        return _refuse_binary(data.decode(_WESTERN if latin else declared, "replace"))
    return _refuse_binary(data.decode(_guess_narrow(data), "replace"))


def _decode_strictly(data: bytes, encoding: str) -> str:
    try:
        return _refuse_binary(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise _bad_encoding() from error


def _guess_wide(sample: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 without a mark by where their zeros stand."""
    zeros = [sample[place::4].count(0) / max(1, len(sample) // 4) for place in range(4)]
    if min(zeros[2], zeros[3]) > _MOSTLY and zeros[0] < _ALMOST_NEVER:
        return "utf-32-le"
    if min(zeros[0], zeros[1]) > _MOSTLY and zeros[3] < _ALMOST_NEVER:
        return "utf-32-be"
    if min(zeros[1], zeros[3]) > _MOSTLY and max(zeros[0], zeros[2]) < _ALMOST_NEVER:
        return "utf-16-le"
    if min(zeros[0], zeros[2]) > _MOSTLY and max(zeros[1], zeros[3]) < _ALMOST_NEVER:
        return "utf-16-be"
    return None


def _guess_narrow(data: bytes) -> str:
    matches = list(from_bytes(data))
    if not matches:
        raise _bad_encoding()
    best = matches[0]
    peers = [match for match in matches if match.chaos <= best.chaos + _AS_PLAUSIBLE]
    chosen = max(peers, key=lambda match: (match.coherence, match.encoding == _WESTERN))
    sample = data[:_SAMPLE_BYTES]
    foreign = sum(byte >= _FIRST_FOREIGN_BYTE for byte in sample) / len(sample)
    # A handful of accents leaves most code pages equally plausible: the commonest one wins.
    western = any(match.encoding == _WESTERN for match in peers)
    if western and foreign < _FEW_FOREIGN_BYTES and chosen.coherence == 0:
        return _WESTERN
    return chosen.encoding


def _is_known(encoding: str) -> bool:
    # Python also has codecs that are no encodings, and breaks off in them.
    # A declaration that can be read byte by byte is proof that it is not UTF-16 or UTF-32.
    try:
        return codecs.lookup(encoding).name in _DECLARABLE
    except (LookupError, ValueError):
        return False


def _refuse_binary(text: str) -> str:
    allowed = max(_STRAY_CONTROLS, _MAX_CONTROL_SHARE * len(text))
    if len(_CONTROLS.findall(text)) > allowed:
        raise _bad_encoding()
    return text


def _bad_encoding() -> DocumentError:
    return DocumentError(
        "The file is not readable text: its encoding is unknown or it is binary data. "
        "Save it as UTF-8 and upload it again.",
        code="bad_encoding",
    )
