"""Questions as a package of IMS Question and Test Interoperability 1.2.1.

Structure: the ASI XML binding of the specification (IMS, 2003). Where it leaves a choice, the one
that Canvas documents and writes is taken, since most importers read that: `question_type` in the
metadata, texts as HTML, scores up to 100, a number typed as a decimal string within bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from groundwell.apps.quiz.exports.content_package import Resource, package_of
from groundwell.apps.quiz.exports.html_text import as_html, explanation_html
from groundwell.apps.quiz.exports.qti12_responses import Asked, asked, condition, material
from groundwell.apps.quiz.exports.xml_nodes import document, node
from groundwell.apps.quiz.legible import legible, shortened
from groundwell.apps.quiz.questions import Question, QuestionSet, QuestionType

NAMESPACE = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
"""Of the elements of QTI 1.2."""

_KINDS = {
    QuestionType.MCQ: "multiple_choice_question",
    QuestionType.TRUE_FALSE: "true_false_question",
    QuestionType.CLOZE: "short_answer_question",
    QuestionType.NUMERIC: "numerical_question",
    QuestionType.MATCHING: "matching_question",
    QuestionType.ORDERING: "ordering_question",
    QuestionType.SHORT: "short_answer_question",
}


def as_qti12(questions: QuestionSet) -> bytes:
    """A package with one assessment that holds all questions."""
    items = (_item(number, q) for number, q in enumerate(questions.questions, start=1))
    title = legible(questions.topic or "") or "Questions"
    assessment = node(
        "assessment",
        {"ident": "questions", "title": title},
        node("section", {"ident": "root_section"}, *items),
    )
    content = document(node("questestinterop", {"xmlns": NAMESPACE}, assessment))
    resource = Resource("questions", "imsqti_xmlv1p2", "questions/questions.xml", content)
    return package_of([resource], "IMS Content", "1.1.3")


def _item(number: int, question: Question) -> Element:
    response = asked(question)
    return node(
        "item",
        # An identifier begins with a letter, and the number keeps two questions apart.
        {"ident": f"q{number}_{question.id}", "title": shortened(question.stem)},
        _metadata(question),
        node("presentation", {}, material(as_html(question.stem)), *response.presented),
        _processing(question, response),
        *_feedback(question, response),
    )


def _metadata(question: Question) -> Element:
    fields = {
        "question_type": _KINDS[question.type],
        "points_possible": "1",
        "bloom": question.bloom,
        "difficulty": str(question.difficulty),
        "language": legible(question.language),
    }
    listed = (
        node("qtimetadatafield", {}, node("fieldlabel", {}, label), node("fieldentry", {}, entry))
        for label, entry in fields.items()
    )
    return node("itemmetadata", {}, node("qtimetadata", {}, *listed))


def _processing(question: Question, response: Asked) -> Element:
    score = {"varname": "SCORE", "vartype": "Decimal", "minvalue": "0", "maxvalue": "100"}
    anything = [node("other", {})]
    told = [condition(anything, _tell("explanation_fb", "Response"), goes_on=True)]
    if question.hint:
        told.append(condition(anything, _tell("hint_fb", "Hint"), goes_on=True))
    told += (
        condition([test], _tell(_feedback_name(place), "Response"), goes_on=True)
        for place, (test, _) in enumerate(response.feedback)
    )
    outcomes = node("outcomes", {}, node("decvar", score))
    return node("resprocessing", {}, outcomes, *told, *response.scored)


def _tell(name: str, kind: str) -> Element:
    return node("displayfeedback", {"feedbacktype": kind, "linkrefid": name})


def _feedback(question: Question, response: Asked) -> Iterator[Element]:
    yield _said("explanation_fb", material(explanation_html(question)))
    if question.hint:
        hint = node("hintmaterial", {}, material(as_html(question.hint)))
        yield _said("hint_fb", node("hint", {}, hint))
    for place, (_, text) in enumerate(response.feedback):
        yield _said(_feedback_name(place), material(as_html(text)))


def _said(name: str, content: Element) -> Element:
    return node("itemfeedback", {"ident": name}, content)


def _feedback_name(place: int) -> str:
    return f"choice{place + 1}_fb"
