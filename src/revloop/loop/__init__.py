"""The rounds of one draft: what the critic is asked, and when the rounds end."""

from revloop.loop.negotiation import negotiate
from revloop.loop.rounds import Rounds
from revloop.loop.stopping import first_rounds
from revloop.loop.writing import SHORTEST_CRITIQUE_TOKENS

__all__ = ["SHORTEST_CRITIQUE_TOKENS", "Rounds", "first_rounds", "negotiate"]
