"""One connection to one Label Studio as one user: who may be retried, and errors in our own words."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from haulout.errors import ServiceUnavailable
from haulout.label_studio.refusals import LabelStudioRefused

if TYPE_CHECKING:
    from label_studio_sdk.client import LabelStudio as Sdk

READ_TRIES = 3
Read = TypeVar("Read")


class Connection:
    """What every part of the adapter works through: the SDK, and plain requests for what the SDK does slowly or not."""

    def __init__(self, url: str, api_key: str, timeout: float = 120) -> None:
        self.url = url.rstrip("/")
        self._api_key, self._timeout = api_key, timeout
        self._http = httpx.Client(base_url=self.url, headers={"Authorization": f"Token {api_key}"}, timeout=timeout)

    @cached_property
    def _sdk(self) -> "Sdk":
        # Imported here because it costs two seconds and 100 MB, and most processes do without.
        from label_studio_sdk.client import LabelStudio as Sdk

        # No retries: the SDK would repeat an import whose answer was lost, and the tasks would be there twice.
        return Sdk(  # type: ignore[no-untyped-call]  # the SDK's subclass has *args only
            base_url=self.url, api_key=self._api_key, timeout=self._timeout, max_retries=0
        )

    def wait_until_ready(self, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Wait until Label Studio answers; ServiceUnavailable after `deadline` seconds."""
        end = clock() + deadline
        while not self.answers():
            if clock() >= end:
                raise ServiceUnavailable(
                    f"Label Studio at {self.url} did not answer in {deadline:.0f} s. Start it with `haulout up`."
                )
            sleep(0.25)

    def answers(self) -> bool:
        """Say whether Label Studio is up."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read, and try again when the connection breaks: reading changes nothing."""
        return self._again(lambda: self._told(self._http.get(path, params=dict(params or {}))))

    def _send(self, method: str, path: str, body: object) -> Any:
        """Change something, once: after a lost answer only the caller knows how to find out whether it happened."""
        try:
            return self._told(self._http.request(method, path, json=body))
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _read(self, what: str, ask: Callable[["Sdk"], Read]) -> Read:
        """Read by the SDK, and try again when the connection breaks."""

        def once() -> Read:
            with self._in_our_words(what):
                return ask(self._sdk)

        return self._again(once)

    def _again(self, read: Callable[[], Read]) -> Read:
        for left in reversed(range(READ_TRIES)):
            try:
                return read()
            except httpx.TransportError as error:
                if not left:
                    raise self._unreachable(error) from error
        raise AssertionError("unreachable")

    @contextmanager
    def _asking(self, what: str) -> Iterator["Sdk"]:
        """Give the SDK for one request that changes something, its errors in our words."""
        try:
            with self._in_our_words(what):
                yield self._sdk
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    @contextmanager
    def _in_our_words(self, what: str) -> Iterator[None]:
        from label_studio_sdk.core import ApiError

        try:
            yield
        except ApiError as error:
            raise LabelStudioRefused(what, error.status_code or 0, _text(error.body)) from error

    def _told(self, response: httpx.Response) -> Any:
        if response.is_error:
            request = response.request
            raise LabelStudioRefused(f"{request.method} {request.url.path}", response.status_code, response.text)
        return response.json() if response.content else None

    def _unreachable(self, error: Exception) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"Label Studio at {self.url} does not answer ({type(error).__name__}: {error}). "
            "`haulout status` says whether it runs; it is safe to run this again."
        )


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body, default=str)
