"""An OpenAI-compatible server whose answers are drafted by an upstream, reviewed and revised."""

from revloop.gateway.asked import MOST_ROUNDS, ServedDefaults
from revloop.gateway.opening import open_gateway
from revloop.gateway.server import DRAFT_HEADER, TRAJECTORY_HEADER, Gateway

__all__ = [
    "DRAFT_HEADER",
    "MOST_ROUNDS",
    "TRAJECTORY_HEADER",
    "Gateway",
    "ServedDefaults",
    "open_gateway",
]
