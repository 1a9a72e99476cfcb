"""Serve a critic with vLLM: start a server, restart it, stop it."""

from revloop.serving.command import ServerOptions, ServingOptions
from revloop.serving.server import VllmServer, stopping_on_sigterm
from revloop.serving.speculation import Speculation, speculation_warning
from revloop.serving.supervision import RestartPolicy, SupervisedServer

__all__ = [
    "RestartPolicy",
    "ServerOptions",
    "ServingOptions",
    "Speculation",
    "SupervisedServer",
    "VllmServer",
    "speculation_warning",
    "stopping_on_sigterm",
]
