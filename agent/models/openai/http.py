"""Requests to an OpenAI-compatible server: streamed, limited in time and size, with errors in plain words."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx2

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.models.openai.address import checked
from qvl_agent.agent.models.openai.quirks import QUIRKS, Quirks
from qvl_agent.agent.models.openai.refused import Refused, error_text, one_line
from qvl_agent.agent.models.openai.stream import Framing, bounded, load_object

__all__ = ["Refused", "Server"]

_log = logging.getLogger(__name__)

_CONNECT_S: Final = 5.0
_KEPT_S: Final = 60.0
"""Seconds for which an unused connection is kept: a run's step takes less, and routers forget one later."""

T = TypeVar("T")


class Server:
    """A server's address and API key. Each request opens a connection of its own, unless they are `kept`.

    Args:
        base_url: the API's URL; without a path, /v1 is added.
        api_key: sent as a bearer token; "" for none.
        allow_remote: accept a server that isn't on this machine.

    Raises:
        SettingsError: the URL isn't valid, or leads to another machine and `allow_remote` is False; or the
            key holds characters that no header can carry.
    """

    def __init__(self, base_url: str, api_key: str, *, allow_remote: bool) -> None:
        self.base_url = checked(base_url, allow_remote=allow_remote)
        if not (api_key.isascii() and (api_key.isprintable() or not api_key)):
            raise SettingsError("the API key holds characters that no header can carry; copy it again")
        self._root = self.base_url.removesuffix(urlsplit(self.base_url).path)
        self._key = api_key
        self._tls = ssl.create_default_context() if self.base_url.startswith("https:") else _no_tls()
        self._client: httpx2.AsyncClient | None = None

    async def within(self, seconds: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do a piece of work within `seconds`, and turn its errors into messages for the person.

        Raises:
            ModelError: the work took too long, the connection failed, or the work raised it; the message
                never holds the API key.
        """
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except TimeoutError as error:
            raise ModelError(
                f"no whole reply from {self.base_url} within {seconds:g} s; "
                "allow it more time (timeout_s) or smaller pictures (max_picture_tokens)"
            ) from error
        except httpx2.HTTPError as error:
            raise ModelError(self._in_words(error)) from error
        except ModelError as error:
            if self._key and self._key in str(error):
                raise ModelError(str(error).replace(self._key, "***")) from None
            raise

    def _in_words(self, error: httpx2.HTTPError) -> str:
        match error:
            case httpx2.ConnectTimeout():
                return f"no answer from {self.base_url} within {_CONNECT_S:g} s; is the address right?"
            case httpx2.ConnectError():
                why = one_line(str(error))
                return f"can't connect to {self.base_url} ({why}); start the server, or mend its URL"
            case httpx2.RemoteProtocolError() | httpx2.ReadError():
                return f"{self.base_url} cut its reply off ({one_line(str(error))}); see the server's log"
            case _:
                return f"{self.base_url} failed: {type(error).__name__} {one_line(str(error))}"

    @asynccontextmanager
    async def request(
        self, method: str, path: str, body: bytes | None = None, *, beside: bool = False
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request and yield its successful response; the body is still to be read.

        Args:
            method: "GET" or "POST".
            path: the path below the base URL, or below the server's root.
            body: JSON.
            beside: take the path below the root, where servers have pages that aren't OpenAI's.

        Raises:
            Refused: the server answered with an error status.
            ModelError: the server redirects; no redirect is followed.
        """
        where = (self._root if beside else self.base_url) + path
        async with self._any_client() as client, self._sent(client, method, where, body) as response:
            if response.is_redirect:
                target = one_line(response.headers.get("location", "elsewhere"))
                raise ModelError(
                    f"{self.base_url} redirects to {target}, and no redirect is followed; give the final URL"
                )
            if not response.is_success:
                raise await _refused(response)
            yield response

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep connections open from request to request while the block runs, in one event loop."""
        async with self._new_client() as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    def _new_client(self) -> httpx2.AsyncClient:
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return httpx2.AsyncClient(
            headers=headers,
            trust_env=False,
            follow_redirects=False,
            # No read time-out: a slow prefill is silent for long, and `within` bounds the whole.
            timeout=httpx2.Timeout(None, connect=_CONNECT_S),
            limits=httpx2.Limits(keepalive_expiry=_KEPT_S),
            verify=self._tls,
        )

    @asynccontextmanager
    async def _any_client(self) -> AsyncIterator[httpx2.AsyncClient]:
        if self._client is not None:
            yield self._client
            return
        async with self._new_client() as client:
            yield client

    @asynccontextmanager
    async def _sent(
        self, client: httpx2.AsyncClient, method: str, url: str, body: bytes | None
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request, again if a connection that was kept turns out to be closed.

        A server may close a kept connection at any time, so also while the request is on its way. Asking a
        model has no effect but its answer, so it is asked again over another connection, and a new one's
        failure is told.
        """
        opened = False

        async def note(event: str, _info: object) -> None:
            nonlocal opened
            opened = opened or event == "connection.connect_tcp.started"

        request = client.build_request(method, url, content=body, extensions={"trace": note})
        while True:
            try:
                response = await client.send(request, stream=True)
                break
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                if opened:
                    raise
                _log.info("a connection that was kept had been closed; asking over another one")
        try:
            yield response
        finally:
            await response.aclose()

    async def models(self) -> tuple[str, ...]:
        """Return the names of the server's models.

        Raises:
            ModelError, Refused: the server has no such list, or can't be asked.
        """
        async with self.request("GET", "/models") as response:
            listed = load_object(b"".join([chunk async for chunk in bounded(response)])).get("data")
        if not isinstance(listed, list):
            raise ModelError(f"expected a list of models from {self.base_url}/models; check the URL")
        return tuple(one_line(str(item["id"])) for item in listed if isinstance(item, dict) and "id" in item)

    async def explain(self, refused: Refused, model: str, quirks: Quirks = QUIRKS[""]) -> ModelError:
        """Turn a refusal into an error with a remedy; ask for the models if the name may be wrong."""
        status, said = refused.status, f"({refused})"
        if refused.no_eyes:
            return ModelError(
                f"{self.base_url} takes no pictures {said}; start llama-server with --mmproj FILE, or take a "
                "vision model (qwen3-vl, not qwen3)"
            )
        if refused.no_room:
            return ModelError(
                f"the conversation doesn't fit the model's context {said}; {quirks.more_context}, "
                "or lower max_picture_tokens"
            )
        match status:
            case 401 | 403:
                return ModelError(f"{self.base_url} wants another API key {said}; set api_key")
            case 400 | 404 if status == 404 or "model" in refused.message.lower():
                return await self._no_model(model, said)
            case 429:
                return ModelError(f"{self.base_url} is busy {said}; try again later")
            case _ if status >= 500 and refused.streamed:
                return ModelError(f"the server failed: {refused}; see the server's log")
            case _ if status >= 500:
                return ModelError(f"{self.base_url} failed {said}; see the server's log")
            case _:
                return ModelError(f"{self.base_url} refused the request {said}")

    async def _no_model(self, model: str, said: str) -> ModelError:
        try:
            names = await self.models()
        except (ModelError, Refused, httpx2.HTTPError):
            return ModelError(
                f"{self.base_url} has no chat completions {said}; check the URL and the model's name"
            )
        if model in names:
            return ModelError(f"{self.base_url} refused the request {said}")
        return ModelError(f"{self.base_url} has no model {model!r}; it has {', '.join(names) or 'none'}")


async def _refused(response: httpx2.Response) -> Refused:
    framing = Framing()
    body = b"".join([chunk async for chunk in bounded(response)])
    said = [event.data for event in (*framing.feed(body), *framing.end())]
    message = next(filter(None, map(_words, said)), "") or response.reason_phrase
    after = response.headers.get("retry-after", "")
    return Refused(
        response.status_code, one_line(message), float(after) if after.isascii() and after.isdigit() else None
    )


def _words(said: str) -> str:
    """Return the message of an error's body; a body that is no object is shown as it is."""
    try:
        return error_text(load_object(said))
    except ModelError:
        return said


def _no_tls() -> ssl.SSLContext:
    """Return a TLS context without certificates, for plain http: loading the system's takes 30 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
