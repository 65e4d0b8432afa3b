from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from groundwell.bootstrap.search import fusion_options
from groundwell.domain.configuration import Source
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import StartupError
from groundwell.domain.limits import Rate
from groundwell.ingestion.chunking import make_chunker
from groundwell.ingestion.chunking.recursive import RecursiveChunker
from groundwell.settings import Settings, load_settings
from groundwell.settings.effective import effective_settings
from groundwell.settings.limit_table import LimitTableSettings
from groundwell.settings.retrieval import RankingWeights


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if (
            name.startswith(("GROUNDWELL_", "OPENAI_", "EMBEDDING_", "GEMINI_", "TOGETHER_"))
            or name == "DATABASE_URL"
        ):
            monkeypatch.delenv(name)


def write(folder: Path, text: str) -> None:
    (folder / "groundwell.toml").write_text(text)


def test_defaults_need_no_network_no_key_and_no_other_server(tmp_path: Path):
    settings = load_settings(data_dir=tmp_path)
    assert (settings.host, settings.embedder) == ("127.0.0.1", "openvino")
    assert (settings.database_url, settings.llm_model, settings.blob_url) == (None, None, None)


def test_arguments_win_over_the_environment_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, 'port = 1111\nhost = "file"\nlog_level = "error"\n')
    monkeypatch.setenv("GROUNDWELL_PORT", "2222")
    monkeypatch.setenv("GROUNDWELL_HOST", "environment")
    settings = load_settings(data_dir=tmp_path, port=3333, host=None)
    assert (settings.port, settings.host, settings.log_level) == (3333, "environment", "error")


def test_the_folder_of_the_file_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, "port = 4444\n")
    monkeypatch.setenv("GROUNDWELL_DATA_DIR", str(tmp_path))
    assert load_settings().port == 4444


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("DATABASE_URL", "database_url"),
        ("GROUNDWELL_DATABASE_URL", "database_url"),
        ("EMBEDDING_MODEL", "embedding_model"),
        ("OPENAI_BASE_URL", "llm_base_url"),
        ("OPENAI_API_BASE", "llm_base_url"),
        ("OPENAI_API_KEY", "llm_api_key"),
        ("OPENAI_API_KEY", "embedding_api_key"),
        ("GEMINI_API_KEY", "gemini_api_key"),
        ("TOGETHER_API_KEY", "together_api_key"),
    ],
)
def test_names_that_other_tools_use_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, field: str
):
    monkeypatch.setenv(variable, "given")
    value = getattr(load_settings(data_dir=tmp_path), field)
    assert getattr(value, "get_secret_value", lambda: value)() == "given"


@pytest.mark.parametrize(
    "field",
    ["database_url", "embedding_model", "embedding_dimension", "llm_base_url", "llm_api_key"],
)
def test_every_setting_can_stand_in_the_file_under_its_own_name(tmp_path: Path, field: str):
    write(tmp_path, f'{field} = "77"\n')
    value = getattr(load_settings(data_dir=tmp_path), field)
    assert str(getattr(value, "get_secret_value", lambda: value)()) == "77"


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [("DATABASE_URL", "database_url", "a"), ("EMBEDDING_DIM", "embedding_dimension", "64")],
)
def test_the_environment_wins_over_the_file_under_any_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, field: str, value: str
):
    write(tmp_path, f'{field} = "999"\n')
    monkeypatch.setenv(variable, value)
    found = getattr(load_settings(data_dir=tmp_path), field)
    assert str(getattr(found, "get_secret_value", lambda: found)()) == value


def test_unknown_names_in_the_file_are_refused_by_name(tmp_path: Path):
    write(tmp_path, "port = 1\nprot = 2\n")
    with pytest.raises(StartupError, match=r"groundwell\.toml has unknown settings: prot"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"port": 70000}, "port"),
        ({"weights": {"dense": 1.5}}, "weights.dense"),
        ({"weights": "dense=0.5,dense=0.6"}, "weights"),
        ({"weights": "0.5"}, "weights"),
        ({"weights": {"words": 1}}, "weights.words"),
        ({"jwt_claims": {"rôle": "x"}}, "jwt_claims.rôle"),
        ({"cache_seconds": {"results": 0}}, "cache_seconds.results"),
        ({"parser": {"memory_mb": 255}}, "parser.memory_mb"),
        ({"parser": "seconds=0"}, "parser.seconds"),
        ({"parser": {"parser_seconds": 60}}, "parser.parser_seconds"),
        ({"profile": "grand"}, "profile"),
        ({"chunking": "by the moon"}, "chunking"),
        ({"worker_jobs": 0}, "worker_jobs"),
        ({"reranker": "crystal ball"}, "reranker"),
        ({"reranker_timeout": 0}, "reranker_timeout"),
        # One connection alone would wait for itself where a second one is needed beside it.
        ({"database_pool_size": 1}, "database_pool_size"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, arguments: dict[str, object], name: str):
    with pytest.raises(StartupError, match=f"A setting is wrong: {name}") as caught:
        load_settings(data_dir=tmp_path, **arguments)
    assert caught.value.code == "bad_settings"


def test_a_wrong_value_in_the_file_is_refused_by_name(tmp_path: Path):
    write(tmp_path, 'port = "high"\n')
    with pytest.raises(StartupError, match="A setting is wrong: port"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"port = = 1", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes):
    (tmp_path / "groundwell.toml").write_bytes(content)
    with pytest.raises(StartupError, match="cannot be read"):
        load_settings(data_dir=tmp_path)


def test_limits_are_given_row_by_row_and_the_rest_keeps_its_default(tmp_path: Path):
    write(
        tmp_path,
        '[limits]\nfailed_authentications = "unlimited"\n'
        '[limits.free]\nrequests = "7/hour"\ndocuments = "unlimited"\n'
        "tokens = 1000\n[limits.premium]\ntokens = 'unlimited'\n"
        '[limits.free.endpoints]\nanswers = "unlimited"\n"/api/v1/evals/*" = "5/hour"\n',
    )
    limits = load_settings(data_dir=tmp_path).limits
    assert limits.failed_authentications is None
    assert limits.free.requests == Rate(7, 3600)
    assert (limits.free.documents, limits.free.bytes) == (None, 1 << 30)
    assert limits.free.endpoints["answers"] is None
    assert limits.free.endpoints["/api/v1/evals/*"] == Rate(5, 3600)
    assert limits.free.endpoints["/api/coach/ask"] == Rate(5, 60)
    assert (limits.free.tokens, limits.premium.tokens, limits.admin.tokens) == (1000, None, None)
    defaults = LimitTableSettings()
    assert limits.premium.model_copy(update={"tokens": 5_000_000}) == defaults.premium
    assert (defaults.free.tokens, defaults.premium.tokens) == (200_000, 5_000_000)
    assert limits.admin.requests is None


def test_limits_of_the_environment_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GROUNDWELL_LIMITS", '{"admin": {"requests": "100/5 minutes"}}')
    assert load_settings(data_dir=tmp_path).limits.admin.requests == Rate(100, 300)
    monkeypatch.setenv("GROUNDWELL_LIMITS", "{nonsense")
    with pytest.raises(StartupError, match="limits"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"free": {"requests": "often"}}, "limits.free.requests"),
        ({"free": {"requests": 5}}, "limits.free.requests"),
        ({"premium": {"bytes": 0}}, "limits.premium.bytes"),
        ({"gold": {}}, "limits.gold"),
        ({"free": {"endpoints": {"ask": "1/minute"}}}, "limits.free.endpoints"),
        ({"free": {"endpoints": {"/a/*/b": "1/minute"}}}, "limits.free.endpoints"),
    ],
)
def test_a_wrong_limit_is_refused_by_name(tmp_path: Path, limits: dict[str, object], name: str):
    with pytest.raises(StartupError, match=f"A setting is wrong: {name}"):
        load_settings(data_dir=tmp_path, limits=limits)


def test_secrets_are_not_shown(tmp_path: Path):
    settings = load_settings(
        data_dir=tmp_path,
        secret_key="hush",
        llm_api_key="hush",
        database_url="hush",
        reranker_api_key="hush",
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())


def test_every_setting_has_a_description_and_there_are_not_too_many():
    assert all(field.description for field in Settings.model_fields.values())
    assert len(Settings.model_fields) <= 60


def test_hosts_of_webhooks_are_a_list_and_a_mistake_in_it_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, 'webhook_hosts = ["hooks.example.org", "*.example.net:8443"]')
    assert load_settings(data_dir=tmp_path).webhook_hosts == (
        "hooks.example.org",
        "*.example.net:8443",
    )
    monkeypatch.setenv("GROUNDWELL_WEBHOOK_HOSTS", "*, 10.0.0.9")
    assert load_settings(data_dir=tmp_path).webhook_hosts == ("*", "10.0.0.9")
    monkeypatch.setenv("GROUNDWELL_WEBHOOK_HOSTS", "169.254.169.254")
    with pytest.raises(StartupError, match=r"webhook_hosts.*never called"):
        load_settings(data_dir=tmp_path)


def test_proxies_are_a_list_in_the_file_and_have_commas_in_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert load_settings(data_dir=tmp_path).trusted_proxies == ()
    write(tmp_path, 'trusted_proxies = ["10.0.0.0/8", "::1"]\n')
    assert load_settings(data_dir=tmp_path).trusted_proxies == expected
    monkeypatch.setenv("GROUNDWELL_TRUSTED_PROXIES", " 10.0.0.0/8, ::1,")
    assert load_settings(data_dir=tmp_path).trusted_proxies == expected
    monkeypatch.setenv("GROUNDWELL_TRUSTED_PROXIES", "")
    assert load_settings(data_dir=tmp_path).trusted_proxies == ()


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example", "*"])
def test_a_proxy_that_would_be_everybody_or_nobody_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: str
):
    monkeypatch.setenv("GROUNDWELL_TRUSTED_PROXIES", proxies)
    with pytest.raises(StartupError, match="trusted_proxies"):
        load_settings(data_dir=tmp_path)


def test_a_small_table_is_the_same_in_the_file_and_in_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(
        tmp_path,
        'weights = {dense = 0.7, metadata = 0.1}\njwt_claims = {tenant = "org", role = "grp"}\n'
        "parser = {seconds = 90}\n",
    )
    in_file = load_settings(data_dir=tmp_path)
    monkeypatch.setenv("GROUNDWELL_WEIGHTS", "dense=0.7, metadata = 0.1")
    monkeypatch.setenv("GROUNDWELL_JWT_CLAIMS", "tenant=org,role=grp")
    monkeypatch.setenv("GROUNDWELL_PARSER", "seconds=90")
    (tmp_path / "groundwell.toml").unlink()
    in_variable = load_settings(data_dir=tmp_path)
    for settings in (in_file, in_variable):
        assert settings.weights == RankingWeights(dense=0.7, keyword=None, metadata=0.1)
        assert (settings.jwt_claims.tenant, settings.jwt_claims.role) == ("org", "grp")
        assert (settings.parser.memory_mb, settings.parser.seconds) == (1024, 90)


def test_the_words_weigh_what_the_vectors_leave_of_one(tmp_path: Path):
    plain = fusion_options(load_settings(data_dir=tmp_path))
    assert (plain.dense_weight, plain.keyword_weight, plain.metadata_weight) == (0.5, 0.5, 0.0)
    shifted = fusion_options(load_settings(data_dir=tmp_path, weights={"dense": 0.75}))
    assert (shifted.dense_weight, shifted.keyword_weight) == (0.75, 0.25)


class NoTokens:
    """For a chunker that counts characters."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError(text)

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        raise NotImplementedError(texts)


def test_the_profile_learning_has_the_values_of_the_learning_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GROUNDWELL_PROFILE", "learning")
    settings = load_settings(data_dir=tmp_path)
    seconds = settings.cache_seconds
    assert (seconds.embeddings, seconds.results, seconds.responses) == (86_400, 3600, 1800)
    weights = fusion_options(settings)
    assert (weights.dense_weight, weights.keyword_weight, weights.metadata_weight) == (0.5, 0.5, 0)
    assert settings.reranker != "none"
    assert settings.variants
    assert settings.context_max_chars == 4000
    chunker = make_chunker(settings.chunking, NoTokens())
    assert chunker == RecursiveChunker(size=256, overlap=0)
    text = "\n\n".join(["a" * 200, f"{'b' * 200}\n{'c' * 200}", f"{'d' * 200} {'e' * 200}"])
    texts = [chunk.text for chunk in chunker.chunk(ParsedDocument(text, "text/plain", "test"))]
    assert texts == ["a" * 200, "b" * 200, "c" * 200, "d" * 200, "e" * 200]
    # The defaults alone need no network; no profile changes that.
    plain = load_settings(data_dir=tmp_path, profile="lite")
    assert settings.embedding_model == plain.embedding_model


def test_a_profile_is_weaker_than_whatever_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, 'profile = "learning"\nport = 1111\ncontext_max_chars = 5000\n')
    monkeypatch.setenv("GROUNDWELL_CHUNKING", "tokens")
    settings = load_settings(data_dir=tmp_path, host="127.0.0.2")
    assert (settings.chunking, settings.context_max_chars) == ("tokens", 5000)
    assert settings.variants
    sources = {
        "host": Source.ARGUMENT,
        "chunking": Source.ENVIRONMENT,
        "context_max_chars": Source.FILE,
        "variants": Source.PROFILE,
        "llm_model": Source.DEFAULT,
    }
    told = {each.name: each.source for each in effective_settings(settings)}
    assert {name: told[name] for name in sources} == sources
    assert list(told) == list(Settings.model_fields)


def test_effective_settings_tell_no_secret(tmp_path: Path):
    settings = load_settings(
        data_dir=tmp_path,
        database_url="postgresql://me:hush@host/db",
        gemini_api_key="hush",
        embedding_base_url="https://me:hush@models.example.org/v1?key=hush",
        blob_url="s3://bucket/folder?secret=hush",
    )
    told = {each.name: each.value for each in effective_settings(settings)}
    assert "hush" not in repr(told)
    assert told["embedding_base_url"] == "https://models.example.org/v1"
    assert told["blob_url"] == "s3://bucket/folder"
    assert told["gemini_api_key"]
    assert told["together_api_key"] is None
