"""Run a batch on a Ray cluster."""

from revloop.distributed.actor import ActorOptions
from revloop.distributed.folder import ShardFolder
from revloop.distributed.gathering import GATHERED, gathered
from revloop.distributed.run import LOCAL, RayOutcome, batch_on_ray
from revloop.distributed.source import RayInput

__all__ = [
    "GATHERED",
    "LOCAL",
    "ActorOptions",
    "RayInput",
    "RayOutcome",
    "ShardFolder",
    "batch_on_ray",
    "gathered",
]
