"""Every citation of every answer can be looked up: its quote stands where it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeTenant, Tenant, data_folder, finished, upload
from tests.unit.adapters.parser.sample_files import make_docx, make_paragraph, make_pdf

FILES = {
    "glaciers.md": (
        b"# Glaciers\n\nA glacier is a body of dense ice that moves under its own weight.\n\n"
        b"## Movement\n\nGlaciers move by *basal sliding* and by internal deformation.\r\n"
        b"The fastest one, Jakobshavn, moves 40 metres a day.\n"
    ),
    "lighthouses.html": (
        b"<!doctype html><html><head><title>Lighthouses</title><script>var x = 1;</script></head>"
        b"<body><h1>Lighthouses</h1><p>The Fresnel&nbsp;lens made lighthouses visible from"
        b" 30&thinsp;km.</p><p>The Pharos of Alexandria stood for 1,500 years &amp; more.</p>"
        b"</body></html>"
    ),
    "volcanoes.csv": (
        b"name,country,height\nCotopaxi,Ecuador,5897\nEtna,Italy,3357\nErebus,Antarctica,3794\n"
    ),
    "umlauts.txt": (
        "Der Brocken ist mit 1141 Metern der h\u00f6chste Berg Norddeutschlands.\n"
        "Auf dem Gipfel steht ein Wetterturm. \U0001f3d4 Cafe\u0301 gibt es auch."
    ).encode("utf-16"),
    "beekeeping.pdf": make_pdf(
        "A beehive holds up to sixty thousand bees in summer.\nThe queen lays the eggs.",
        "Honey is harvested in July.\nA smoker calms the bees before the harvest.",
        "In winter the bees form a cluster and keep it warm.",
    ),
    "pottery.docx": make_docx(
        make_paragraph("Pottery", "Heading1")
        + make_paragraph("Stoneware is fired at about 1200 degrees.")
        + make_paragraph("Porcelain needs kaolin, a white clay.")
    ),
}
QUESTIONS = [
    "How fast does Jakobshavn move?",
    "What is a glacier?",
    "From how far are lighthouses with a Fresnel lens visible?",
    "How long did the Pharos of Alexandria stand?",
    "How high is Cotopaxi in Ecuador?",
    "Wie hoch ist der Brocken?",
    "What calms the bees before the harvest of honey?",
    "How many bees does a beehive hold?",
    "At what temperature is stoneware fired?",
    "What does porcelain need?",
]


async def check_citations(tenant: Tenant, answer: dict[str, Any]) -> int:
    """Hold each citation against the document's text, and return how many there were."""
    for citation in answer["citations"]:
        response = await tenant.http.get(f"/documents/{citation['document_id']}/text")
        document = response.json()
        span = slice(citation["char_start"], citation["char_end"])
        assert citation["quote"] == document["text"][span], citation
        assert citation["quote"].strip()
        assert citation["version"] == document["version"]
        pages = {page["page"]: page for page in document["pages"]}
        assert (citation["page"] is None) == (not pages)
        if pages:
            page = pages[citation["page"]]
            assert page["char_start"] <= citation["char_start"] < page["char_end"]
    return len(answer["citations"])


async def check_results(tenant: Tenant, query: str) -> None:
    found = await tenant.http.post("/api/v1/search", json={"query": query, "limit": 20})
    for result in found.json()["results"]:
        text = (await tenant.http.get(f"/documents/{result['document_id']}/text")).json()["text"]
        assert result["text"] == text[result["char_start"] : result["char_end"]]


@pytest.fixture(scope="module")
async def library(make_tenant: MakeTenant) -> Tenant:
    tenant = await make_tenant()
    for name, content in FILES.items():
        response = await upload(tenant, name, content, document_id=name)
        assert response.status_code == 202, response.text
    for name in FILES:
        document = await finished(tenant, name)
        assert document["status"] == "complete", document
    return tenant


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_quote_is_verbatim_in_all_formats(library: Tenant, question: str) -> None:
    answer = (await library.http.post("/api/v1/ask", json={"query": question})).json()
    assert await check_citations(library, answer) == len(answer["citations"])
    await check_results(library, question)


async def test_answers_cite_documents_of_every_format_that_has_sentences(library: Tenant) -> None:
    cited: set[str] = set()
    for question in QUESTIONS:
        answer = (await library.http.post("/api/v1/ask", json={"query": question})).json()
        cited |= {citation["document_id"] for citation in answer["citations"]}
    assert cited >= set(FILES) - {"volcanoes.csv"}


async def test_a_citation_names_the_page_on_which_it_stands(library: Tenant) -> None:
    question = {"query": "What calms the bees before the harvest?"}
    answer = (await library.http.post("/api/v1/ask", json=question)).json()
    first = answer["citations"][0]
    assert "smoker" in first["quote"]
    assert (first["document_id"], first["page"]) == ("beekeeping.pdf", 2)


def measured_files() -> list[Path]:
    wanted = (".pdf", ".docx", ".html", ".md", ".pptx", ".xlsx")
    files = sorted(data_folder("documents").iterdir())
    # 872 pages and the recognition of scans would take the time of all the others together.
    slow = ("872", "scanned")
    return [f for f in files if f.suffix in wanted and not any(word in f.name for word in slow)]


@pytest.mark.slow
async def test_every_quote_is_verbatim_in_real_documents(make_tenant: MakeTenant) -> None:
    tenant = await make_tenant()
    names = []
    for path in measured_files():
        response = await upload(tenant, path.name, path.read_bytes(), document_id=path.name)
        names += [path.name] if response.is_success else []
    complete = [n for n in names if (await finished(tenant, n))["status"] == "complete"]
    assert len(complete) >= 15
    citations = 0
    for name in complete:
        text = (await tenant.http.get(f"/documents/{name}/text")).json()["text"]
        for place in (0.1, 0.6):
            start = int(len(text) * place)
            words = " ".join(text[start : start + 150].split()[1:12])
            question = {"query": words or name, "threshold": 0, "filter": {"document_id": name}}
            answer = (await tenant.http.post("/api/v1/ask", json=question)).json()
            citations += await check_citations(tenant, answer)
    assert citations >= len(complete)
