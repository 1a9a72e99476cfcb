"""The review pages: people browse, vote on and correct the versions of a store, in a browser."""

from revloop.review.options import ReviewOptions
from revloop.review.server import ReviewServer

__all__ = ["ReviewOptions", "ReviewServer"]
