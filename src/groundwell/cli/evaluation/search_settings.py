"""The settings of the server that change what an evaluation measures."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from groundwell.settings import Settings

# A new setting is shown unless it stands here: better one too many than a figure without a cause.
_OTHERS = frozenset(
    {
        *("data_dir", "host", "port", "database_pool_size", "load_samples", "log_level"),
        *("cache_mb", "cache_seconds", "webhook_hosts"),
        *("answer_threshold", "answer_passages", "context_max_chars"),
        *("max_upload_mb", "trusted_proxies"),
        *("parser", "malware_scanner", "worker_jobs"),
    }
)


def settings_that_count(settings: Settings) -> dict[str, Any]:
    """Names and values of the settings that were set, as JSON can hold them.

    Secrets are left out, and addresses, which may hold a password.
    """
    counting = {
        name
        for name in settings.model_fields_set - _OTHERS
        if not (name.endswith("_url") or isinstance(getattr(settings, name), SecretStr))
    }
    found = settings.model_dump(mode="json", include=counting)
    return {name: found[name] for name in sorted(found)}
