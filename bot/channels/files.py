"""Files that came with messages, fetched from where their provider keeps them."""

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import aiohttp

from bot import failures

SECONDS, TO_CONNECT = 60.0, 5.0
MOST_HOPS = 3
PIECE = 65_536
GONE = (403, 404, 410)
MOVED = (301, 302, 303, 307, 308)


async def download(url: str, most: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The file at `url`, of at most `most` bytes.

    `headers` go to that host only: a provider may send us on to where it stores files, and our password stays behind.
    Raises Refused (size, gone, where) or NotNow.
    """
    limits = aiohttp.ClientTimeout(total=SECONDS, connect=TO_CONNECT)
    try:
        async with aiohttp.ClientSession(timeout=limits) as session:
            for hop in range(MOST_HOPS + 1):
                with_headers = dict(headers or {}) if hop == 0 else {}
                async with session.get(url, headers=with_headers, allow_redirects=False) as answer:
                    if answer.status not in MOVED:
                        return await _body(answer, most)
                    onwards = urljoin(url, answer.headers.get("Location", ""))
                if urlsplit(onwards).scheme != urlsplit(url).scheme:
                    raise failures.Refused("where")  # nobody who can be trusted leads from https to http
                url = onwards
    except (aiohttp.ClientError, TimeoutError, ValueError):
        raise failures.NotNow("download") from None
    raise failures.Refused("where")


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    if answer.status in GONE:
        raise failures.Refused("gone")
    if answer.status != 200:
        raise failures.NotNow(str(answer.status))
    if (answer.content_length or 0) > most:
        raise failures.Refused("size")
    found = bytearray()
    async for piece in answer.content.iter_chunked(PIECE):
        found += piece
        if len(found) > most:
            raise failures.Refused("size")
    return bytes(found)
