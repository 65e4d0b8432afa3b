"""Reads QTI 1.2: the key is whatever response gets the full score."""

from __future__ import annotations

from lxml import etree
from tests.unit.apps.quiz.asked import Seen
from tests.unit.apps.quiz.readers.html_parts import explained, plain
from tests.unit.apps.quiz.readers.package import read_package

from groundwell.apps.quiz.questions import QuestionType

Q = {"q": "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"}
TYPES = {
    "multiple_choice_question": QuestionType.MCQ,
    "true_false_question": QuestionType.TRUE_FALSE,
    "numerical_question": QuestionType.NUMERIC,
    "matching_question": QuestionType.MATCHING,
    "ordering_question": QuestionType.ORDERING,
    # Which of the two types it was, QTI 1.2 does not say.
    "short_answer_question": QuestionType.SHORT,
}


def read_qti12(content: bytes) -> list[Seen]:
    [(kind, root)] = read_package(content, "qti12")
    assert kind == "imsqti_xmlv1p2"
    return [_item(item) for item in root.iterfind(".//q:item", Q)]


def _text(element: etree._Element, path: str) -> str:
    return str(element.findtext(path, "", Q))


def _plain(element: etree._Element, path: str = "q:material/q:mattext") -> str:
    found = element.find(path, Q)
    assert found is not None
    assert found.get("texttype") == "text/html"
    return plain(found.text or "")


def _item(item: etree._Element) -> Seen:
    kind = TYPES[_text(item, ".//q:qtimetadatafield[q:fieldlabel='question_type']/q:fieldentry")]
    explanation, quote, document, page = explained(
        _text(item, "q:itemfeedback[@ident='explanation_fb']/q:material/q:mattext")
    )
    has_hint = item.find(".//q:hintmaterial", Q) is not None
    return Seen(
        type=kind,
        stem=_plain(item, "q:presentation/q:material/q:mattext"),
        hint=_plain(item, ".//q:hintmaterial/q:material/q:mattext") if has_hint else "",
        explanation=explanation,
        quote=quote,
        document=document,
        page=page,
        **_key(kind, item),  # type: ignore[arg-type] # fields of any type
    )


def _key(kind: QuestionType, item: etree._Element) -> dict[str, object]:
    scoring = [
        c for c in item.iterfind(".//q:respcondition", Q) if c.find("q:setvar", Q) is not None
    ]
    total = sum(float(_text(condition, "q:setvar")) for condition in scoring)
    assert abs(total - 100) < 0.1
    responses = item.findall("q:presentation/q:response_lid", Q)
    if kind is QuestionType.MATCHING:
        return {"pairs": tuple(map(_pair, responses, scoring))}
    [condition] = scoring
    equal = [(test.text, test) for test in condition.iterfind(".//q:varequal", Q)]
    if kind is QuestionType.SHORT:
        assert all(test.get("case") == "No" for _, test in equal)
        return {"typed": tuple(text for text, _ in equal)}
    if kind is QuestionType.NUMERIC:
        low, high = (float(_text(condition, f".//q:{name}")) for name in ("vargte", "varlte"))
        return {"value": float(equal[0][0] or ""), "tolerance": (high - low) / 2}
    labels = {
        str(label.get("ident")): _plain(label)
        for label in responses[0].iter(f"{{{Q['q']}}}response_label")
    }
    if kind is QuestionType.ORDERING:
        assert responses[0].get("rcardinality") == "Ordered"
        assert [test.get("index") for _, test in equal] == [str(n + 1) for n in range(len(labels))]
        return {"steps": tuple(labels[str(name)] for name, _ in equal)}
    [(key, _)] = equal
    told = _told(item)
    return {
        "options": tuple((text, name == key, told.get(name, "")) for name, text in labels.items())
    }


def _pair(response: etree._Element, condition: etree._Element) -> tuple[str, str]:
    test = condition.find(".//q:varequal", Q)
    assert test is not None
    assert test.get("respident") == response.get("ident")
    labels = response.iterfind(".//q:response_label", Q)
    [right] = [_plain(label) for label in labels if label.get("ident") == test.text]
    return _plain(response), right


def _told(item: etree._Element) -> dict[str, str]:
    """What is said to whoever chose a label."""
    told = {}
    for condition in item.iterfind(".//q:respcondition", Q):
        shown = condition.find("q:displayfeedback", Q)
        if shown is not None and condition.find("q:conditionvar/q:varequal", Q) is not None:
            path = f"q:itemfeedback[@ident='{shown.get('linkrefid')}']/q:material/q:mattext"
            told[_text(condition, "q:conditionvar/q:varequal")] = _plain(item, path)
    return told
