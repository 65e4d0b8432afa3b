"""The documentation speaks of everything that there is, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
import typer
from pydantic import AliasChoices

from groundwell.cli import _app as command_line
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "groundwell"
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

ERROR_CODE = re.compile(r"""\b(?:default_code|code)(?:: [\w\[\]]+)? ?= ?["']([a-z_]+)["']""")
# Codes that are handed on by position: an error in a document row, a problem of a failed parse.
OTHER_CODES = ("ingestion_failed", "no_text", "validation_failed", "invalid_json", "too_large")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def variables_of(name: str) -> list[str]:
    alias = Settings.model_fields[name].validation_alias
    if alias is None:
        return [f"GROUNDWELL_{name.upper()}"]
    assert isinstance(alias, AliasChoices)
    return [str(choice) for choice in alias.choices if choice != name]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_with_its_variables(name: str) -> None:
    rows = [
        line for line in read(REFERENCE / "settings.md").splitlines() if f"| `{name}` |" in line
    ]
    assert len(rows) == 1
    for variable in variables_of(name):
        assert f"`{variable}`" in rows[0]
    assert (Settings.model_fields[name].description or "?") in rows[0]


@asynccontextmanager
async def _never_opened() -> AsyncIterator[Services]:
    raise NotImplementedError
    yield


def addresses() -> list[str]:
    paths = create_app(_never_opened()).openapi()["paths"]
    return [
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        # The short addresses are the same routes, which the page says once.
        if not re.match(r"/(documents|conversations)\b", path)
    ]


def test_every_endpoint_is_described() -> None:
    described = read(REFERENCE / "http.md")
    assert [name for name in addresses() if f"`{name}`" not in described] == []


def options() -> list[tuple[str, str]]:
    group = typer.main.get_command(command_line)
    assert isinstance(group, click.Group | typer.core.TyperGroup)
    return [
        (name, option)
        for name, outer in group.commands.items()
        # A command with commands of its own has one section for all of them.
        for command in getattr(outer, "commands", {name: outer}).values()
        for parameter in command.params
        if not getattr(parameter, "hidden", False) and parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    ]


def section_of(command: str) -> str:
    found = re.search(
        rf"^## `groundwell {command}\b.*?(?=^## |\Z)",
        read(REFERENCE / "cli.md"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"cli.md has no section on {command}"
    return found.group()


@pytest.mark.parametrize(("command", "option"), options())
def test_every_option_is_described_with_its_command(command: str, option: str) -> None:
    assert f"`{option}`" in section_of(command)


def error_codes() -> list[str]:
    found = {
        code for file in SOURCES.rglob("*.py") for code in ERROR_CODE.findall(read(file))
    } | set(OTHER_CODES)
    assert len(found) > len(OTHER_CODES)
    return sorted(found)


@pytest.mark.parametrize("code", error_codes())
def test_every_error_code_is_explained(code: str) -> None:
    rows = [
        line
        for page in ("http.md", "formats.md")
        for line in read(REFERENCE / page).splitlines()
        if line.startswith("|") and f"`{code}`" in line
    ]
    assert rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(CODE_BLOCK.sub("", read(page))):
        if link.startswith(("http://", "https://")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link


def anchors_of(page: Path) -> set[str]:
    headings = HEADING.findall(CODE_BLOCK.sub("", read(page)))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("command", ["make serve", "make test"])
def test_readme_names_the_commands_that_a_newcomer_needs(command: str) -> None:
    assert f"\n{command}\n" in read(ROOT / "README.md")


def ports() -> list[str]:
    found = [
        name
        for file in (SOURCES / "ports").glob("*.py")
        for name in re.findall(r"^class (\w+)\(Protocol\)", read(file), re.MULTILINE)
    ]
    assert found
    return found


@pytest.mark.parametrize("port", ports())
@pytest.mark.parametrize("page", ["howto/add-an-adapter.md", "why/architecture.md"])
def test_every_port_is_named(port: str, page: str) -> None:
    assert f"`{port}`" in read(ROOT / "docs" / page)
