"""A batch on Ray: Ray Data reads, distributes and writes rows; actors revise them."""

from __future__ import annotations

import itertools
import logging
import os
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revloop.distributed.actor import SERVER, Actor, ActorOptions
from revloop.distributed.folder import Manifest, ShardFolder
from revloop.distributed.shards import shard_sink
from revloop.distributed.source import HINT, RayInput
from revloop.engines.factory import DEMO
from revloop.errors import InputError, RevloopError, needs
from revloop.options import EngineOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from revloop.distributed.shards import ShardsWritten
    from revloop.distributed.source import InputSplit
    from revloop.engines import Engine
    from revloop.options import RayOptions
    from revloop.rows import RawRow

LOCAL = "local"

_BLOCKS_IN_FLIGHT = 16
_LOCAL_STORE_BYTES = 512 * 2**20
_FILTER_BYTES = 64 * 2**20
_LEAST_AHEAD_BYTES = 16 * 2**20
_AHEAD_BYTES_A_ROW = 4 * 2**10
"""Read-ahead for each row in flight: the driver tracks every waiting block, so an unlimited
read-ahead would make its memory grow with the input."""
_IO_CPUS = 0.25
_ID = "key"


@dataclass(frozen=True, slots=True)
class RayOutcome:
    """The result of a batch.

    Attributes:
        written: Trajectories written by this run.
        failed: Those of them that failed before their last round.
        rejected: Unusable rows.
        versions: Versions of the trajectories written.
        before: Rows finished by earlier runs.
        elapsed_s: Duration in seconds, including the start of a local cluster.
        checks_not_run: On how many texts each check could not be run, by its name.
        first_reasons: Why it could not be run the first time, by its name.
    """

    written: int = 0
    failed: int = 0
    rejected: int = 0
    versions: int = 0
    before: int = 0
    elapsed_s: float = field(default=0.0, compare=False)
    checks_not_run: Mapping[str, int] = field(default_factory=dict)
    first_reasons: Mapping[str, str] = field(default_factory=dict)


def batch_on_ray(source: RayInput, actor_options: ActorOptions, options: RayOptions) -> RayOutcome:
    """Revise all rows of an input on a Ray cluster, into a folder of shards.

    Calling it again resumes the run: rows in finished shards are skipped.

    Raises:
        InputError: The input or the output cannot be used.
        RunMismatchError: The output contains a run with other settings.
        MissingExtraError: Ray is not installed.
        RevloopError: An actor failed.
    """
    started = time.perf_counter()
    _check_ray()
    files = source.files()
    first = source.first(files[0])
    splits = source.splits(files)
    folder = ShardFolder(actor_options.output)
    folder.begin(
        Manifest(
            files=[(file.path, file.size_bytes) for file in files],
            form=source.form,
            fields=dict(source.fields or {}),
            iterations=actor_options.loop.iterations,
            shard_form=options.shard_format,
            final_only=actor_options.batch.final_only,
        )
    )
    before = folder.finished()
    with _cluster(options.address or LOCAL), _unwrapped_errors():
        written = _run(source, splits, first, actor_options, options)
    return RayOutcome(
        **written.counts,
        before=before,
        elapsed_s=time.perf_counter() - started,
        checks_not_run=written.not_run,
        first_reasons=written.reasons,
    )


def _run(
    source: RayInput,
    splits: list[InputSplit],
    first: list[RawRow],
    actor_options: ActorOptions,
    options: RayOptions,
) -> ShardsWritten:
    import ray.data

    engine, resources = actor_options.engine, ray.cluster_resources()
    servers = options.servers or _server_of(engine)
    gpus = 0 if servers else _gpus(engine, int(resources.get("GPU", 0)))
    # one for each server, or as many engines as the GPUs hold
    by_gpus = int(resources["GPU"]) // gpus if gpus else 1
    actors = options.actors or len(servers) or by_gpus
    cpus = resources.get("CPU", 1.0)
    # leave some CPUs for reading and writing, each in processes that take seconds to start
    share, io = max(0.01, round(min(1.0, cpus / 4 / actors), 2)), max(1, int(cpus) // 4)
    context = ray.data.DataContext.get_current()
    context.checkpoint_config = _checkpoint(ShardFolder(actor_options.output))
    ahead_bytes = actors * options.rows_in_flight * _AHEAD_BYTES_A_ROW
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        object_store_memory=max(_LEAST_AHEAD_BYTES, ahead_bytes)
    )
    rows_a_block = max(1, options.rows_in_flight // _BLOCKS_IN_FLIGHT)
    sink = shard_sink(
        actor_options.output,
        options.shard_format,
        final_only=actor_options.batch.final_only,
        rows=options.shard_rows,
    )
    server = itertools.cycle(servers or ("",))
    rows = ray.data.read_datasource(
        _datasource(source, splits, first), num_cpus=_IO_CPUS, concurrency=io
    )
    rows = rows.repartition(target_num_rows_per_block=rows_a_block)
    revised = rows.map_batches(
        Actor,
        fn_constructor_args=(actor_options,),
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(
            size=actors,
            max_tasks_in_flight_per_actor=_BLOCKS_IN_FLIGHT,
            max_concurrent_calls_per_actor=_BLOCKS_IN_FLIGHT,
        ),
        num_cpus=share,
        num_gpus=gpus or None,
        ray_remote_args_fn=lambda: {"runtime_env": {"env_vars": {SERVER: next(server)}}},
    )
    revised.write_datasink(sink, ray_remote_args={"num_cpus": _IO_CPUS}, concurrency=io)
    written: ShardsWritten = sink.written
    return written


def _datasource(source: RayInput, splits: list[InputSplit], first: list[RawRow]) -> Any:
    """The rows as a Ray data source, with a task for each split."""
    import pyarrow as pa
    from ray.data import Datasource
    from ray.data.block import BlockMetadata
    from ray.data.datasource import ReadTask

    text = pa.large_string()
    schema = pa.schema([(_ID, pa.int64()), ("draft", text), ("rest", text), ("reject", text)])

    def read(split: InputSplit) -> Iterator[Any]:
        rows = source.rows(split, first)
        while some := list(itertools.islice(rows, 256)):
            yield pa.Table.from_pylist(some, schema=schema)

    class Drafts(Datasource):  # type: ignore[misc]  # Ray's types are not read
        """Creates a task for each split."""

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_args: Any, **_options: Any) -> list[Any]:
            return [
                ReadTask(
                    lambda split=split: read(split),
                    BlockMetadata(
                        num_rows=None,
                        size_bytes=source.split_bytes,
                        input_files=[split.file.path],
                        exec_stats=None,
                    ),
                    schema=schema,
                )
                for split in splits
            ]

    return Drafts()


def _checkpoint(folder: ShardFolder) -> Any:
    from ray.data.checkpoint import CheckpointConfig

    config = CheckpointConfig(
        id_column=_ID, checkpoint_path=folder.checkpoint, delete_checkpoint_on_success=False
    )
    config.checkpoint_actor_memory_bytes = _FILTER_BYTES
    return config


def _server_of(engine: EngineOptions | Engine) -> tuple[str, ...]:
    """The server in an engine's options, if any."""
    if isinstance(engine, EngineOptions) and engine.base_url is not None:
        return (engine.base_url,)
    return ()


def _gpus(engine: EngineOptions | Engine, gpus: int) -> int:
    """GPUs to reserve for an actor; 0 if the cluster has none, so the engine runs on CPUs.

    Raises:
        InputError: The cluster has GPUs, but fewer than an engine needs.
    """
    if not isinstance(engine, EngineOptions) or engine.model == DEMO:
        return 0
    wanted = engine.tensor_parallel_size
    if 0 < gpus < wanted:
        raise InputError(
            f"The cluster has {gpus} GPUs; an engine needs {wanted} (--tensor-parallel-size)."
        )
    return wanted if gpus else 0


@contextmanager
def _cluster(address: str) -> Iterator[None]:
    """Connect to a cluster; a local one is started, and stopped afterwards."""
    import ray

    _limit_messages()
    try:
        if address == LOCAL:
            ray.init(
                LOCAL,
                logging_level=logging.WARNING,
                num_cpus=max(2, os.cpu_count() or 2),
                include_dashboard=False,
                object_store_memory=_LOCAL_STORE_BYTES,
                _node_ip_address="127.0.0.1",
            )
        else:
            ray.init(address, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as exc:
        raise InputError(f"Ray cannot be reached at '{address}': {exc}") from exc
    try:
        yield
    finally:
        ray.shutdown()


def _limit_messages() -> None:
    """Turn off Ray's usage statistics, and its messages except progress, warnings and errors."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", message="`ray_remote_args_fn` is deprecated")
    warnings.filterwarnings("ignore", "The m(in|ax)imum number of concurrent")


@contextmanager
def _unwrapped_errors() -> Iterator[None]:
    """Unwrap RevloopErrors of actors and tasks from RayError."""
    import ray.exceptions

    try:
        yield
    except ray.exceptions.RayError as exc:
        cause: BaseException | None = exc
        while cause is not None and not isinstance(cause, RevloopError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is None:
            raise
        raise cause from exc


def _check_ray() -> None:
    with needs(f"--ray needs Ray: {HINT}."):
        import ray.data  # noqa: F401
