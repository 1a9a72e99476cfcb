"""Tasks, threads and event loops whose exceptions reach the waiting caller unchanged.

A task group wraps exceptions in an ``ExceptionGroup``, which ``except EngineError`` does not catch;
a thread that raises leaves its waiters waiting; and Python does not exit while a non-daemon thread
reads from a terminal. So nothing else in revloop creates task groups, threads or event loops, which
``tests/concurrency/`` checks.
"""

from revloop.concurrency.batching import Batcher
from revloop.concurrency.loop_thread import LoopThread, check_process
from revloop.concurrency.tasks import first_error, run_in_thread, task_group

__all__ = ["Batcher", "LoopThread", "check_process", "first_error", "run_in_thread", "task_group"]
