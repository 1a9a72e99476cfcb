"""vLLM's own throughput benchmark as a module, because the ``vllm`` command may be missing."""

from __future__ import annotations


def main() -> None:
    """Run it with the options of ``vllm bench throughput``."""
    from vllm.benchmarks import throughput
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = FlexibleArgumentParser()
    throughput.add_cli_args(parser)
    throughput.main(parser.parse_args())


if __name__ == "__main__":
    main()
