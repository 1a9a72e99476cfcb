"""The same batch on many machines: Ray has the cluster, revloop the rounds."""

from revloop.distributed.actor import Work
from revloop.distributed.folder import RunFolder
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
    "RayInput",
    "RayOptions",
    "RayOutcome",
    "RunFolder",
    "Work",
    "batch_on_ray",
    "gathered",
]
