"""The Python API: ``revise``, ``arevise``, and revisers that stay open."""

from revloop.reviser.asynchronous import AsyncReviser
from revloop.reviser.calls import Reviser, arevise, revise
from revloop.reviser.options import ReviserOptions

__all__ = ["AsyncReviser", "Reviser", "ReviserOptions", "arevise", "revise"]
