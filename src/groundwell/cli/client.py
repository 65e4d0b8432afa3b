"""The server, as the commands talk to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from groundwell.cli.console import err, printable
from groundwell.cli.destination import Destination, KeySource, find_destination
from groundwell.domain.errors import GroundwellError, StartupError

_TIMEOUT = httpx.Timeout(120.0, connect=5.0)


class ServerError(GroundwellError):
    """The server answered with a problem; its detail is passed on."""

    title = "The server refused"


class Client:
    """A connection to the server. Raises ServerError for every answer that is not a success.

    With the key of the session, `in_session`, errors say how to leave it or get another.
    """

    def __init__(self, http: httpx.Client, *, in_session: bool = False) -> None:
        self._http = http
        self._in_session = in_session

    @property
    def url(self) -> str:
        """The address of the server."""
        return str(self._http.base_url)

    def get(self, path: str, **parameters: Any) -> Any:  # noqa: ANN401 - JSON
        """GET a JSON document."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._json(self._send("GET", path, params=given))

    def get_text(self, path: str, **parameters: str) -> str:
        """GET a text."""
        return self._send("GET", path, params=parameters).text

    def delete(self, path: str, **parameters: str) -> None:
        """DELETE what is at an address."""
        self._send("DELETE", path, params=parameters)

    def download(self, path: str, target: Path) -> int:
        """GET bytes into a file, whole or not at all, and return their number."""
        part = target.with_name(target.name + ".part")
        try:
            with self._reachable(), self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                with part.open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target.stat().st_size

    def post(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        """POST a JSON document."""
        return self._json(self._send("POST", path, json=body))

    def patch(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        """PATCH with a JSON document."""
        return self._json(self._send("PATCH", path, json=body))

    def post_uncached(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        """POST a JSON document, to be answered without the server's caches."""
        headers = {"Cache-Control": "no-cache"}
        return self._json(self._send("POST", path, json=body, headers=headers))

    def post_bytes(self, path: str, data: bytes, content_type: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """POST bytes."""
        headers = {"Content-Type": content_type}
        return self._json(
            self._send("POST", path, content=data, headers=headers, params=parameters)
        )

    def upload(self, path: Path, fields: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        """POST a file to the library."""
        with path.open("rb") as file:
            files = {"file": (path.name, file)}
            return self._json(self._send("POST", "/api/v1/documents", files=files, data=fields))

    def events(self, path: str, body: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
        """POST, and yield the name and data of each event that the server streams."""
        with self._reachable(), self._http.stream("POST", path, json=body) as response:
            if not response.is_success:
                response.read()
                raise self._refusal(response)
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:  # noqa: ANN401 - httpx checks
        with self._reachable():
            response = self._http.request(method, path, **arguments)
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _json(self, response: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise self.stranger() from error

    def stranger(self) -> ServerError:
        """The error to raise when an answer has not the form that it must have."""
        return ServerError(f"What answers at {self.url} is not Groundwell.", code="bad_answer")

    def _refusal(self, response: httpx.Response) -> ServerError:
        """What an answer that is no success says. Redirects are not followed: keys stay here."""
        if response.has_redirect_location:
            place = printable(response.headers["Location"])
            return ServerError(
                f"{self.url} sends its callers on to {place}. The key does not go there: name that "
                "address with --url if it is the server's.",
                code="redirected",
            )
        try:
            problem = response.json()
            detail, code = printable(str(problem["detail"])), str(problem["code"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return ServerError(f"The server answered {response.status_code}.", code="bad_answer")
        if self._in_session and response.status_code == httpx.codes.UNAUTHORIZED:
            detail = (
                f"{self.url} does not take the key of your session any more. Log in again with "
                "`groundwell login`."
            )
        return ServerError(detail, code=code)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            advice = (
                "You are logged in there: name another one with --url, or `groundwell logout`."
                if self._in_session
                else "Start one with `groundwell serve`, or name its address with --url."
            )
            raise StartupError(
                f"No server answers at {self.url}. {advice}",
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
def connect(data_dir: Path | None, url: str | None, key_file: Path | None) -> Iterator[Client]:
    """Talk to the server that is meant: see `find_destination`."""
    with talk_to(find_destination(data_dir, url, key_file)) as client:
        yield client


@contextmanager
def talk_to(destination: Destination) -> Iterator[Client]:
    """Talk to a server. What is for this machine goes through no proxy."""
    # Whoever logs in is asked, and has said that it shall be so.
    is_agreed = destination.source in {KeySource.LOGIN, KeySource.SESSION}
    if destination.address.is_exposed and not is_agreed:
        err.print(
            f"The key goes unencrypted to {destination.address.url}.", style="yellow", markup=False
        )
    with httpx.Client(
        base_url=destination.address.url,
        headers={"Authorization": f"Bearer {destination.key}"},
        timeout=_TIMEOUT,
        trust_env=not destination.address.is_near,
        follow_redirects=False,
    ) as http:
        yield Client(http, in_session=destination.source is KeySource.SESSION)
