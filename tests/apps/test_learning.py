"""Answers to questions over HTTP: what was right, what is due, what becomes of bad questions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from string import ascii_uppercase
from typing import Any
from zipfile import ZipFile

import httpx
import psycopg
import pytest_asyncio
from fastapi import FastAPI
from tests.apps.crowd import People, make_people
from tests.apps.problems import problem_in
from tests.apps.test_questions import BAROMETER, CHAT, generated, samples
from tests.conftest import Tenant, upload_texts

from groundwell.apps.quiz.exports.formats import ExportFormat
from groundwell.store.database import owner_options

REVIEW = "/api/v1/questions/review"
INSTRUMENTS = (
    "A hygrometer is an instrument that measures the moisture of the air. "
    "An anemometer is an instrument that measures the speed of the wind. "
    "A seismograph is an instrument that records the motion of the ground. "
    "A pyranometer is an instrument that measures the light of the sun. "
    "A ceilometer is an instrument that finds the height of the clouds."
)


@pytest_asyncio.fixture
async def people(app: FastAPI, tenant: Tenant) -> AsyncIterator[People]:
    async with make_people(app, tenant) as made:
        yield made


def as_tenant(people: People, http: httpx.AsyncClient) -> Tenant:
    tenant = people.owner.tenant
    return Tenant(tenant.id, tenant.user, "", http)


async def review(tenant: Tenant, question: dict[str, Any], **body: object) -> dict[str, Any]:
    given = {"question_id": question["id"], **body}
    response = await tenant.http.post(REVIEW, json=given)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def due(tenant: Tenant) -> list[str]:
    listed = (await tenant.http.get("/api/v1/questions/due")).json()["questions"]
    return [item["question"]["id"] for item in listed]


@contextmanager
def database_of(url: str, identity: str) -> Iterator[psycopg.Connection]:
    """The rows of the tenant who has this question."""
    with psycopg.connect(url, options=owner_options()) as owner:
        owner.execute("SET ROLE groundwell_backup")
        tenant = owner.execute(
            "SELECT tenant_id::text FROM questions WHERE id = %s LIMIT 1", (identity,)
        ).fetchone()
        assert tenant is not None
        owner.execute("RESET ROLE")
        owner.execute("SELECT set_config('groundwell.tenant', %s, true)", (tenant[0] + "/*",))
        yield owner


def make_due(url: str, *identities: str) -> None:
    """Let the time pass after which the questions are asked again."""
    with database_of(url, identities[0]) as owner:
        owner.execute(
            "UPDATE questions SET due = now() - interval '1 day' WHERE id = ANY(%s)",
            (list(identities),),
        )


def answer_as_others(url: str, tenant: Tenant, question: str, chosen: str, *, people: int) -> None:
    """Let as many people as that have the question, and answer it wrong."""
    with psycopg.connect(url, options=owner_options()) as owner:
        owner.execute("SELECT set_config('groundwell.tenant', %s, true)", (f"{tenant.id}/*",))
        owner.execute(
            "WITH learners AS ("
            " INSERT INTO users (id, tenant_id, name, role)"
            " SELECT gen_random_uuid(), %(tenant)s, 'learner', 'reader'"
            " FROM generate_series(1, %(people)s) RETURNING id"
            "), asked AS ("
            " INSERT INTO questions (user_id, id, tenant_id, document_uid, chunk_id, content)"
            " SELECT l.id, q.id, q.tenant_id, q.document_uid, q.chunk_id, q.content"
            " FROM questions q, learners l WHERE q.user_id = %(user)s AND q.id = %(question)s"
            " RETURNING user_id, id"
            ") INSERT INTO question_answers (id, tenant_id, user_id, question_id, rating,"
            " is_correct, chosen, answered_at, is_first)"
            " SELECT gen_random_uuid(), %(tenant)s, user_id, id, 1, false, %(chosen)s, now(), true"
            " FROM asked",
            {
                "tenant": tenant.id,
                "user": tenant.user,
                "question": question,
                "chosen": chosen,
                "people": people,
            },
        )


async def standing_of(tenant: Tenant) -> dict[str, Any]:
    [standing] = (await tenant.http.get("/api/v1/questions/statistics")).json()["questions"]
    return dict(standing)


def letters(question: dict[str, Any]) -> str | list[str]:
    """The right answer, in letters where there are any."""
    if question["type"] == "mcq":
        return ascii_uppercase[[option["correct"] for option in question["options"]].index(True)]
    if question["shown"]:
        right = [pair["right"] for pair in question["pairs"]] or question["steps"]
        return [ascii_uppercase[question["shown"].index(text)] for text in right]
    return str(question["answer"])


async def test_an_answer_is_graded_and_spaced(tenant: Tenant, services_url: str):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    [question, *_] = (await generated(tenant, count=4))["questions"]
    right = await review(tenant, question, answer=question["answer"], ms=2100)
    assert (right["correct"], right["rating"]) == (True, "good")
    soon = datetime.fromisoformat(right["due"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < soon <= timedelta(minutes=10)
    wrongs = [option["text"] for option in question["options"] if not option["correct"]]
    wrong = await review(tenant, question, answer=[*wrongs, "-1"][0])
    assert (wrong["correct"], wrong["rating"]) == (False, "again")
    assert wrong["answer"] == question["answer"]
    assert await due(tenant) == []
    make_due(services_url, question["id"])
    assert await due(tenant) == [question["id"]]
    easy = await review(tenant, question, rating="easy")
    assert datetime.fromisoformat(easy["due"]) - datetime.now(UTC) > timedelta(hours=23)


async def test_practice_begins_with_what_is_due_and_a_test_does_not(
    tenant: Tenant, services_url: str
):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    before = (await generated(tenant, count=10))["questions"]
    last = before[-1]
    await review(tenant, last, rating="again")
    make_due(services_url, last["id"])
    after = [question["id"] for question in (await generated(tenant, count=10))["questions"]]
    assert after[0] == last["id"]
    assert sorted(after) == sorted(question["id"] for question in before)
    [only] = (await generated(tenant, count=1))["questions"]
    assert only["id"] == last["id"]
    text = (await tenant.http.post(CHAT, json={"count": 1})).json()["response"]
    assert "1 question." in text
    quiz = await generated(tenant, count=10, mode="quiz")
    assert len(quiz["questions"]) == len(before)


def crowd_in(url: str, identity: str, count: int) -> None:
    """Let so many questions like this one have waited for longer than any other."""
    with database_of(url, identity) as owner:
        owner.execute(
            "INSERT INTO questions (user_id, id, tenant_id, document_uid, chunk_id, content, due)"
            " SELECT q.user_id, lpad(to_hex(n), 16, '0'), q.tenant_id, q.document_uid, q.chunk_id,"
            " q.content, now() - interval '9 days' FROM questions q, generate_series(1, %s) n"
            " WHERE q.id = %s",
            (count, identity),
        )


async def test_what_is_due_and_wanted_comes_first_whatever_else_has_waited_longer(
    tenant: Tenant, services_url: str
):
    bread = next(sample for sample in samples() if "sourdough" in sample["id"])
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}, bread])
    made = (await generated(tenant, count=60))["questions"]
    own = next(
        question
        for question in made
        if question["source"]["document"] == "barometer" and question["type"] != "mcq"
    )
    other = next(
        question
        for question in made
        if question["source"]["document"] == bread["id"] and question["type"] != own["type"]
    )
    make_due(services_url, own["id"])
    crowd_in(services_url, other["id"], 120)
    for narrowed in ({"types": [own["type"]]}, {"topic": "a barometer measures the pressure"}):
        found = (await generated(tenant, count=2, **narrowed))["questions"]
        assert found[0]["id"] == own["id"]


async def test_nothing_stands_beside_what_is_due_that_asks_the_same(
    tenant: Tenant, services_url: str
):
    await upload_texts(tenant, samples()[:3])
    plain = await generated(tenant, count=8)
    asked = {question["id"] for question in plain["questions"]}
    places = {(each["source"]["document"], each["source"]["start"]) for each in plain["questions"]}
    others = [
        question
        for seed in range(1, 4)
        for kind in ("cloze", "numeric", "short", "mcq")
        for question in (await generated(tenant, count=30, seed=seed, types=[kind]))["questions"]
    ]
    rival = next(
        question
        for question in others
        if question["id"] not in asked
        and (question["source"]["document"], question["source"]["start"]) in places
    )
    make_due(services_url, rival["id"])
    mixed = await generated(tenant, count=8)
    assert mixed["questions"][0]["id"] == rival["id"]
    assert (len(mixed["questions"]), mixed["notes"]) == (8, [])
    assert all(check["passed"] for check in mixed["quality"]["checks"][:2])


async def test_others_take_the_place_of_all_that_does_not_go_with_what_is_due(
    tenant: Tenant, services_url: str
):
    await upload_texts(tenant, samples()[:3])
    plain = (await generated(tenant, count=6))["questions"]
    known = {question["id"] for question in plain}
    others = (await generated(tenant, count=30))["questions"]
    due = next(question for question in others if question["id"] not in known)
    spoilt = [question for question in plain if question["type"] != "true_false"][:2]
    with database_of(services_url, due["id"]) as owner:
        owner.execute(
            "UPDATE questions SET content = jsonb_set(content::jsonb,"
            " '{explanation}', to_jsonb(%s::text))::json"
            " WHERE id = %s",
            (" ".join(each["explanation"] for each in spoilt), due["id"]),
        )
    make_due(services_url, due["id"])
    mixed = await generated(tenant, count=6)
    assert mixed["questions"][0]["id"] == due["id"]
    assert not {each["id"] for each in spoilt} & {each["id"] for each in mixed["questions"]}
    assert (len(mixed["questions"]), mixed["notes"]) == (6, [])
    assert await generated(tenant, count=6) == mixed


async def test_notes_count_what_is_missing_beside_what_is_due(tenant: Tenant, services_url: str):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    before = await generated(tenant, count=60)
    others = [
        question
        for kind in ("cloze", "mcq", "numeric", "short", "true_false")
        for question in (await generated(tenant, count=60, types=[kind]))["questions"]
    ]
    asked = {question["id"] for question in before["questions"]}
    rival = next(question for question in others if question["id"] not in asked)
    make_due(services_url, rival["id"])
    after = await generated(tenant, count=60)
    assert after["questions"][0]["id"] == rival["id"]
    assert after["notes"][0].startswith(f"{60 - len(after['questions'])} of 60 questions are")
    assert all(check["passed"] for check in after["quality"]["checks"][:2])


async def test_an_answer_says_something_about_a_question_of_one_s_own(people: People):
    ann, bob = (as_tenant(people, each.http) for each in (people.ann, people.bob))
    await people.ann.put(BAROMETER, "barometer", visibility="private")
    [question, *_] = (await generated(ann, count=3))["questions"]
    bare = {"question_id": question["id"]}
    problem_in(await ann.http.post(REVIEW, json=bare), 422)
    problem_in(await ann.http.post(REVIEW, json={**bare, "rating": "perfect"}), 422)
    problem_in(await ann.http.post(REVIEW, json={**bare, "answer": ["a", "b"] * 9}), 422)
    for body in (bare, {"question_id": "0" * 16}):
        response = await bob.http.post(REVIEW, json={**body, "rating": "good"})
        assert problem_in(response, 404)["code"] == "question_not_found"


async def test_questions_go_with_their_document(people: People, services_url: str):
    ann = as_tenant(people, people.ann.http)
    await people.ann.put(BAROMETER, "barometer")
    made = await generated(ann, count=3)
    await review(ann, made["questions"][0], rating="good")
    make_due(services_url, made["questions"][0]["id"])
    assert len(await due(ann)) == 1
    address = f"/api/v1/questions/export?format=json&set_id={made['set_id']}"
    assert "barometer" in (await ann.http.get(address)).text
    assert (await people.boss.http.delete("/documents/barometer")).status_code == 204
    assert await due(ann) == []
    assert "barometer" not in (await ann.http.get(address)).text
    taken = await ann.http.get("/api/v1/users/me/export")
    with ZipFile(BytesIO(taken.content)) as archive:
        for held in ("questions.jsonl", "question_sets.jsonl"):
            assert b"barometer" not in archive.read(held)


async def test_what_is_no_longer_shared_is_not_asked_any_more(people: People, services_url: str):
    bob = as_tenant(people, people.bob.http)
    await people.ann.put(BAROMETER, "barometer")
    made = await generated(bob, count=3)
    await review(bob, made["questions"][0], rating="good")
    make_due(services_url, made["questions"][0]["id"])
    assert len(await due(bob)) == 1
    hidden = await people.ann.http.patch("/documents/barometer", json={"visibility": "private"})
    if hidden.status_code == 403:
        hidden = await people.boss.http.patch(
            "/documents/barometer",
            json={"visibility": "shared", "shared_with": {"roles": ["admin"]}},
        )
    assert hidden.status_code == 200, hidden.text
    assert await due(bob) == []
    exported = await bob.http.get(
        "/api/v1/questions/export", params={"set_id": made["set_id"], "format": "json"}
    )
    assert "barometer" not in exported.text
    assert (await generated(bob, count=3))["questions"] == []


async def test_a_set_is_exported_in_every_format_to_who_made_it(people: People):
    ann, bob = (as_tenant(people, each.http) for each in (people.ann, people.bob))
    await people.ann.put(BAROMETER, "barometer")
    made = await generated(ann, count=4)
    assert made["set_id"] == (await generated(ann, count=4))["set_id"]
    identities = [question["id"] for question in made["questions"]]
    for wanted in ExportFormat:
        for chosen in ({"set_id": made["set_id"]}, {"question_id": identities}):
            response = await ann.http.get(
                "/api/v1/questions/export", params={"format": wanted.value, **chosen}
            )
            assert response.status_code == 200, response.text
            assert response.headers["content-disposition"].startswith("attachment")
            assert response.content
    mine = {"set_id": made["set_id"]}
    foreign = await bob.http.get("/api/v1/questions/export", params=mine)
    assert problem_in(foreign, 404)["code"] == "question_set_not_found"
    foreign = await bob.http.get("/api/v1/questions/export", params={"question_id": identities})
    assert problem_in(foreign, 404)["code"] == "question_not_found"
    both = await ann.http.get(
        "/api/v1/questions/export", params={**mine, "question_id": identities}
    )
    assert problem_in(both, 422)["code"] == "invalid_export"
    newest = await ann.http.get("/api/v1/questions/export")
    assert newest.content == (await ann.http.get("/api/v1/questions/export", params=mine)).content
    nothing = await bob.http.get("/api/v1/questions/export")
    assert problem_in(nothing, 404)["code"] == "question_set_not_found"


async def test_the_notes_of_a_short_set_are_in_its_exports(tenant: Tenant):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    made = await generated(tenant, count=50)
    assert made["notes"]
    address = "/api/v1/questions/export"
    named = {"set_id": made["set_id"]}
    text = (await tenant.http.get(address, params=named)).text
    assert "## Notes" in text
    exported = await tenant.http.get(address, params={**named, "format": "json"})
    assert exported.json()["notes"] == made["notes"]


async def test_a_wish_that_gave_nothing_does_not_hide_the_set_before_it(tenant: Tenant):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    address = "/api/v1/questions/export"
    nothing = await generated(tenant, topic="medieval falconry", count=3)
    assert nothing["questions"] == []
    refused = problem_in(await tenant.http.get(address), 404)
    assert refused["code"] == "question_set_not_found"
    assert "no set with questions" in refused["detail"]
    some = await generated(tenant, count=3)
    await generated(tenant, topic="medieval falconry", count=3)
    newest = (await tenant.http.get(address)).text
    assert newest == (await tenant.http.get(address, params={"set_id": some["set_id"]})).text
    named = await tenant.http.get(address, params={"set_id": nothing["set_id"]})
    assert named.text.startswith("# Practice questions")
    assert "No question about this" in named.text
    assert "## Notes" in named.text


async def test_a_letter_stands_for_what_was_shown_under_it_last_or_in_the_set_that_is_named(
    tenant: Tenant,
):
    await upload_texts(tenant, [*samples()[:3], {"id": "instruments", "text": INSTRUMENTS}])
    wishes = [{"count": 5}, {"count": 10}, {"count": 10, "seed": 1}, {"count": 30, "seed": 2}]
    sets = [await generated(tenant, mode="quiz", **wish) for wish in wishes]
    shown = [{each["id"]: letters(each) for each in made["questions"]} for made in sets]
    last = {identity: right for each in shown for identity, right in each.items()}
    moved = [
        (made, question)
        for made, held in zip(sets, shown, strict=True)
        for question in made["questions"]
        if held[question["id"]] != last[question["id"]]
    ]
    assert {question["type"] for _, question in moved} >= {"mcq"}
    newest = {question["id"]: question for made in sets for question in made["questions"]}
    for question in newest.values():
        right = await review(tenant, question, answer=last[question["id"]])
        assert right["correct"], question
    for made, question in moved:
        named = {"answer": letters(question), "set_id": made["set_id"]}
        assert (await review(tenant, question, **named))["correct"], question
        assert not (await review(tenant, question, answer=letters(question)))["correct"]
    # Whoever asks for the first set again sees it last.
    assert await generated(tenant, mode="quiz", **wishes[0]) == sets[0]
    for question in sets[0]["questions"]:
        assert (await review(tenant, question, answer=letters(question)))["correct"]


async def test_a_set_keeps_what_it_showed(tenant: Tenant):
    await upload_texts(tenant, samples()[:3])
    first = await generated(tenant, mode="quiz", count=5)
    other = await generated(tenant, mode="quiz", count=30, seed=2)
    alike = {question["id"] for question in first["questions"]}
    changed = [each for each in other["questions"] if each["id"] in alike]
    assert any(each not in first["questions"] for each in changed)
    for made in (first, other):
        exported = await tenant.http.get(
            "/api/v1/questions/export", params={"set_id": made["set_id"], "format": "json"}
        )
        kept = exported.json()["questions"]
        assert [each["options"] for each in kept] == [each["options"] for each in made["questions"]]
        assert [each["seed"] for each in kept] == [each["seed"] for each in made["questions"]]
    only = next(each for each in other["questions"] if each["id"] not in alike)
    body = {"question_id": only["id"], "rating": "good", "set_id": first["set_id"]}
    response = await tenant.http.post(REVIEW, json=body)
    assert problem_in(response, 404)["code"] == "question_not_found"


async def test_what_thirty_people_get_wrong_retires_and_what_one_gets_wrong_thirty_times_does_not(
    tenant: Tenant, services_url: str
):
    await upload_texts(tenant, samples()[:3])
    made = (await generated(tenant, count=10, types=["mcq", "true_false"]))["questions"]
    question = made[0]
    wrong = next(option["text"] for option in question["options"] if not option["correct"])
    right = await review(tenant, question, answer=wrong)
    assert not right["correct"]
    for _ in range(30):
        await review(tenant, question, answer=question["answer"])
    standing = await standing_of(tenant)
    assert (standing["answers"], standing["share_correct"], standing["retired"]) == (1, 0.0, None)
    answer_as_others(services_url, tenant, question["id"], wrong, people=28)
    await review(tenant, question, answer=wrong)
    standing = await standing_of(tenant)
    assert (standing["answers"], standing["share_correct"], standing["retired"]) == (29, 0.0, None)
    assert standing["dead_distractors"] == []
    answer_as_others(services_url, tenant, question["id"], wrong, people=1)
    await review(tenant, question, answer=wrong)
    standing = await standing_of(tenant)
    assert standing["answers"] == 30
    assert "less often than by guessing" in standing["retired"]
    others = [option["text"] for option in question["options"] if not option["correct"]]
    assert standing["dead_distractors"] == [text for text in others if text != wrong]
    again = await generated(tenant, count=10, types=["mcq", "true_false"])
    left = [each["id"] for each in again["questions"]]
    assert left
    assert question["id"] not in left


async def test_one_s_own_data_have_questions_and_answers(tenant: Tenant):
    await upload_texts(tenant, [{"id": "barometer", "text": BAROMETER}])
    [question, *_] = (await generated(tenant, count=3))["questions"]
    await review(tenant, question, rating="hard")
    taken = await tenant.http.get("/api/v1/users/me/export")
    with ZipFile(BytesIO(taken.content)) as archive:
        kept = [json.loads(line) for line in archive.read("questions.jsonl").splitlines()]
        sets = [json.loads(line) for line in archive.read("question_sets.jsonl").splitlines()]
    [answered] = [each for each in kept if each["answers"]]
    assert (answered["question_id"], answered["answers"][0]["rating"]) == (question["id"], 2)
    assert question["id"] in [each["question_id"] for each in sets[0]["questions"]]
    assert sets[0]["questions"][0]["content"]["stem"]
