"""Questions as a package of IMS Question and Test Interoperability 2.1: a test and its items.

Structure: the information model and the XML binding of the specification (IMS, 2012), sections on
items, interactions, response processing and tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from groundwell.apps.quiz.exports.content_package import Resource, package_of
from groundwell.apps.quiz.exports.qti21_interactions import RESPONSE, Interaction, interaction_of
from groundwell.apps.quiz.exports.xml_nodes import document, node
from groundwell.apps.quiz.legible import legible, shortened
from groundwell.apps.quiz.questions import Question, QuestionSet, QuizMode
from groundwell.apps.quiz.shown import source_name, suggested_minutes

NAMESPACE: Final = "http://www.imsglobal.org/xsd/imsqti_v2p1"
"""Of the elements of QTI 2.1."""

_EXPLANATION: Final = "EXPLANATION"


def as_qti21(questions: QuestionSet) -> bytes:
    """A package with one file for each question and a test that asks them in order."""
    items = [
        Resource(
            identifier=f"q{number}_{question.id}",
            type="imsqti_item_xmlv2p1",
            path=f"items/q{number}_{question.id}.xml",
            content=document(_item(f"q{number}_{question.id}", question)),
        )
        for number, question in enumerate(questions.questions, start=1)
    ]
    test = Resource(
        identifier="test",
        type="imsqti_test_xmlv2p1",
        path="test.xml",
        content=document(_test(questions, items)),
        needs=[item.identifier for item in items],
    )
    return package_of([test, *items], "QTIv2.1 Package", "1.0.0")


def _test(questions: QuestionSet, items: list[Resource]) -> Element:
    references = (
        node("assessmentItemRef", {"identifier": item.identifier, "href": item.path})
        for item in items
    )
    title = legible(questions.topic or "") or "Questions"
    section = node(
        "assessmentSection",
        {"identifier": "section", "title": title, "visible": "false"},
        *references,
    )
    is_quiz = questions.mode is QuizMode.QUIZ
    limits = (
        [node("timeLimits", {"maxTime": str(60 * suggested_minutes(questions.questions))})]
        if is_quiz and items
        else []
    )
    part = node(
        "testPart",
        {
            "identifier": "part",
            "navigationMode": "nonlinear",
            "submissionMode": "simultaneous" if is_quiz else "individual",
        },
        section,
    )
    attributes = {"xmlns": NAMESPACE, "identifier": "test", "title": title}
    return node("assessmentTest", attributes, *limits, part)


def _item(identifier: str, question: Question) -> Element:
    asked = interaction_of(question)
    return node(
        "assessmentItem",
        {
            "xmlns": NAMESPACE,
            "identifier": identifier,
            "title": shortened(question.stem),
            "adaptive": "false",
            "timeDependent": "false",
            "xml:lang": legible(question.language),
        },
        asked.declaration,
        _outcome("SCORE", "single", "float", node("defaultValue", {}, node("value", {}, "0"))),
        _outcome("FEEDBACK", "multiple", "identifier"),
        node("itemBody", {}, *_hint(question), *asked.body),
        node("responseProcessing", {}, asked.scoring, _telling(asked)),
        *_feedback(question, asked),
    )


def _outcome(identifier: str, cardinality: str, base_type: str, *default: Element) -> Element:
    attributes = {"identifier": identifier, "cardinality": cardinality, "baseType": base_type}
    return node("outcomeDeclaration", attributes, *default)


def _hint(question: Question) -> Iterator[Element]:
    # QTI 2.1 has no hint that a learner can ask for; a tutor may give it.
    if hint := legible(question.hint):
        yield node("rubricBlock", {"view": "tutor"}, node("p", {}, hint))


def _telling(asked: Interaction) -> Element:
    explanation = node("baseValue", {"baseType": "identifier"}, _EXPLANATION)
    chosen = [node("variable", {"identifier": RESPONSE})] if asked.feedback else []
    told = node("multiple", {}, *chosen, explanation)
    return node("setOutcomeValue", {"identifier": "FEEDBACK"}, told)


def _feedback(question: Question, asked: Interaction) -> Iterator[Element]:
    for choice, text in asked.feedback:
        yield _modal(choice, node("p", {}, text))
    source = question.source
    page = "" if source.page is None else f", page {source.page}"
    explanation = legible(question.explanation)
    yield _modal(
        _EXPLANATION,
        *([node("p", {}, explanation)] if explanation else []),
        node(
            "p",
            {},
            node("q", {}, legible(source.quote)),
            " ",
            node("cite", {}, source_name(source)),
            page,
        ),
    )


def _modal(identifier: str, *content: Element) -> Element:
    attributes = {"outcomeIdentifier": "FEEDBACK", "identifier": identifier, "showHide": "show"}
    return node("modalFeedback", attributes, *content)
