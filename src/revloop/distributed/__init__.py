"""The same batch on many machines: Ray has the cluster, revloop the rounds."""

from revloop.distributed.actor import ActorOptions
from revloop.distributed.folder import ShardFolder
from revloop.distributed.gathering import GATHERED, gathered
from revloop.distributed.run import (
    DEFAULT_IN_FLIGHT,
    DEFAULT_SHARD_ROWS,
    LOCAL,
    RayOptions,
    RayOutcome,
    batch_on_ray,
)
from revloop.distributed.source import RayInput

__all__ = [
    "DEFAULT_IN_FLIGHT",
    "DEFAULT_SHARD_ROWS",
    "GATHERED",
    "LOCAL",
    "ActorOptions",
    "RayInput",
    "RayOptions",
    "RayOutcome",
    "ShardFolder",
    "batch_on_ray",
    "gathered",
]
