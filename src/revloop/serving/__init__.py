"""Serving a critic with vLLM: start a server, keep it up, stop it again."""

from revloop.serving.command import ServerOptions
from revloop.serving.server import VllmServer, stopping_on_sigterm
from revloop.serving.speculation import Speculation, doubt_about
from revloop.serving.supervision import RestartPolicy, SupervisedServer

__all__ = [
    "RestartPolicy",
    "ServerOptions",
    "Speculation",
    "SupervisedServer",
    "VllmServer",
    "doubt_about",
    "stopping_on_sigterm",
]
