"""Serving a critic with vLLM: plan a deployment, start a server, stop it again."""

from revloop.serving.command import ServerOptions
from revloop.serving.config import read_shape
from revloop.serving.plan import Plan, PlanRow, plan
from revloop.serving.server import VllmServer, stopping_on_sigterm
from revloop.serving.shape import ModelShape

__all__ = [
    "ModelShape",
    "Plan",
    "PlanRow",
    "ServerOptions",
    "VllmServer",
    "plan",
    "read_shape",
    "stopping_on_sigterm",
]
