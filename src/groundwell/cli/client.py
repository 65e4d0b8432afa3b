"""The server, as the commands talk to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from groundwell.domain.errors import GroundwellError, StartupError
from groundwell.settings import load_settings

# What a header can carry: a key with anything else would break the request, not be refused.
_KEY = re.compile(r"[!-~]+")
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)


class ServerError(GroundwellError):
    """The server answered with a problem; its detail is passed on."""

    title = "The server refused"


class Client:
    """A connection to the server. Raises ServerError for every answer that is not a success."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @property
    def url(self) -> str:
        """The address of the server."""
        return str(self._http.base_url)

    def get(self, path: str, **parameters: Any) -> Any:  # noqa: ANN401 - JSON
        """GET a JSON document."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._send("GET", path, params=given).json()

    def post(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        """POST a JSON document."""
        return self._send("POST", path, json=body).json()

    def post_bytes(self, path: str, data: bytes, content_type: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """POST bytes."""
        headers = {"Content-Type": content_type}
        return self._send("POST", path, content=data, headers=headers, params=parameters).json()

    def upload(self, path: Path, fields: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        """POST a file to the library."""
        with path.open("rb") as file:
            return self._send(
                "POST", "/api/v1/documents", files={"file": (path.name, file)}, data=fields
            ).json()

    def events(self, path: str, body: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
        """POST, and yield the name and data of each event that the server streams."""
        with self._reachable(), self._http.stream("POST", path, json=body) as response:
            if response.is_error:
                response.read()
                raise _server_error(response)
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:  # noqa: ANN401 - httpx checks
        with self._reachable():
            response = self._http.request(method, path, **arguments)
        if response.is_error:
            raise _server_error(response)
        return response

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise StartupError(
                f"No server answers at {self.url}. Start one with `groundwell serve`, or name its "
                "address with --url.",
                code="no_server",
            ) from error
        except httpx.TimeoutException as error:
            raise StartupError(
                f"The server at {self.url} does not answer in time.", code="connection_lost"
            ) from error
        except httpx.HTTPError as error:
            raise StartupError(
                f"The connection to {self.url} broke: {str(error).rstrip('.')}.",
                code="connection_lost",
            ) from error


@contextmanager
def connect(data_dir: Path | None, url: str | None, key: str | None) -> Iterator[Client]:
    """Talk to the server of a data folder, or to the one at `url`.

    A running server leaves its address in `DATA_DIR/server.json` and the owner's key in
    `DATA_DIR/owner.key`.
    """
    settings = load_settings(data_dir=data_dir)
    address = url or find_server(settings.data_dir)
    if address is None:
        # Not the default port: whoever listens there is not who the key is for.
        raise StartupError(
            f"No server runs on the data folder {settings.data_dir}. Start one with `groundwell "
            "serve`, or name the address of one with --url.",
            code="no_server",
        )
    if not _is_web_address(address):
        raise StartupError(
            f"'{address}' is not an address of a server. Write it like http://127.0.0.1:8765.",
            code="bad_address",
        )
    credential = key or _read_key(settings.data_dir)
    if not _KEY.fullmatch(credential):
        raise StartupError("The API key holds characters that no key has.", code="bad_key")
    with httpx.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {credential}"},
        timeout=_TIMEOUT,
        trust_env=url is not None,
    ) as http:
        yield Client(http)


def find_server(data_dir: Path) -> str | None:
    """The address that the folder's server left, if there is one."""
    try:
        return str(json.loads((data_dir / "server.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _read_key(data_dir: Path) -> str:
    path = data_dir / "owner.key"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StartupError(
            f"There is no key in {path}. Start the server once with `groundwell serve`, or name a "
            "key with --key.",
            code="no_key",
        ) from error


def _server_error(response: httpx.Response) -> ServerError:
    try:
        problem = response.json()
        return ServerError(str(problem["detail"]), code=str(problem["code"]))
    except (ValueError, KeyError, TypeError):
        return ServerError(f"The server answered {response.status_code}.", code="bad_answer")
