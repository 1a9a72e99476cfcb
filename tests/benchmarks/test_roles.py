"""The stand-in servers of `benchmarks.roles`."""

from __future__ import annotations

import json

from aiohttp.test_utils import make_mocked_request

from benchmarks.roles import Places


async def test_the_occupancy_is_the_share_of_busy_places() -> None:
    server = Places(2, 0.0)
    server.spans += [(0.0, 4.0), (0.0, 2.0), (2.0, 3.0)]  # one place is idle in the last second
    reply = await server.occupancy(make_mocked_request("GET", "/occupancy"))
    assert json.loads(reply.text or "") == {
        "places": 2,
        "replies": 3,
        "whole": 0.875,
        "middle": 0.75,
    }
