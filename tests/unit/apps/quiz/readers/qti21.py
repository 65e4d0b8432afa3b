"""Reads QTI 2.1: the items in the order of the test."""

from __future__ import annotations

from lxml import etree
from tests.unit.apps.quiz.asked import Seen
from tests.unit.apps.quiz.readers.package import read_package

from groundwell.apps.quiz.questions import QuestionType

Q = {"q": "http://www.imsglobal.org/xsd/imsqti_v2p1"}
INTERACTIONS = {
    "choiceInteraction": QuestionType.MCQ,
    "orderInteraction": QuestionType.ORDERING,
    "matchInteraction": QuestionType.MATCHING,
}


def read_qti21(content: bytes) -> list[Seen]:
    (kind, test), *items = read_package(content, "qti21")
    assert kind == "imsqti_test_xmlv2p1"
    asked = [found.get("identifier") for found in test.iterfind(".//q:assessmentItemRef", Q)]
    assert asked == [item.get("identifier") for _, item in items]
    assert all(kind == "imsqti_item_xmlv2p1" for kind, _ in items)
    return [_item(item) for _, item in items]


def _item(item: etree._Element) -> Seen:
    explanation, (quote, document, page) = _explained(item)
    kind, fields = _asked(item)
    return Seen(
        type=kind,
        hint=str(item.findtext(".//q:rubricBlock/q:p", "", Q)),
        explanation=explanation,
        quote=quote,
        document=document,
        page=page,
        **fields,  # type: ignore[arg-type] # fields of any type
    )


def _explained(item: etree._Element) -> tuple[str, tuple[str, str, int | None]]:
    *paragraphs, place = item.findall("q:modalFeedback[@identifier='EXPLANATION']/q:p", Q)
    [quote], [cite] = place.findall("q:q", Q), place.findall("q:cite", Q)
    page = (cite.tail or "").removeprefix(", page ")
    explanation = "".join(str(p.text) for p in paragraphs)
    return explanation, (str(quote.text), str(cite.text), int(page) if page else None)


def _asked(item: etree._Element) -> tuple[QuestionType, dict[str, object]]:
    key = [str(value.text) for value in item.iterfind(".//q:correctResponse/q:value", Q)]
    for name, kind in INTERACTIONS.items():
        interaction = item.find(f"q:itemBody/q:{name}", Q)
        if interaction is not None:
            return kind, {
                "stem": interaction.findtext("q:prompt", "", Q),
                **_choices(item, interaction, key),
            }
    stem = _stem(item)
    if item.find("q:responseDeclaration[@baseType='float']", Q) is not None:
        equal = item.find(".//q:equal", Q)
        assert equal is not None
        tolerance = str(equal.get("tolerance", "0")).split()[0]
        assert equal.get("toleranceMode") == ("absolute" if float(tolerance) else "exact")
        [value] = key
        return QuestionType.NUMERIC, {
            "stem": stem,
            "value": float(value),
            "tolerance": float(tolerance),
        }
    entries = item.findall(".//q:mapEntry", Q)
    assert all(entry.get("mappedValue") == "1" for entry in entries)
    assert all(entry.get("caseSensitive") == "false" for entry in entries)
    typed = tuple(str(entry.get("mapKey")) for entry in entries)
    assert key == [typed[0]]
    return QuestionType.SHORT, {"stem": stem, "typed": typed}


def _choices(
    item: etree._Element, interaction: etree._Element, key: list[str]
) -> dict[str, object]:
    named = {
        str(e.get("identifier")): str(e.text) for e in interaction.iter() if e.get("identifier")
    }
    if interaction.tag.endswith("}matchInteraction"):
        entries = [str(entry.get("mapKey")) for entry in item.iterfind(".//q:mapEntry", Q)]
        assert entries == key
        pairs = [value.split(" ") for value in key]
        return {"pairs": tuple((named[left], named[right]) for left, right in pairs)}
    if interaction.tag.endswith("}orderInteraction"):
        assert item.find("q:responseDeclaration[@cardinality='ordered']", Q) is not None
        assert list(named) != key
        return {"steps": tuple(named[name] for name in key)}
    told = {
        str(found.get("identifier")): str(found.findtext("q:p", "", Q))
        for found in item.iterfind("q:modalFeedback", Q)
    }
    return {
        "options": tuple((text, [name] == key, told.get(name, "")) for name, text in named.items())
    }


def _stem(item: etree._Element) -> str:
    first, *others = item.findall("q:itemBody/q:p", Q)
    if others:
        return str(first.text)
    [gap] = first
    return f"{first.text or ''}_____{gap.tail or ''}"
