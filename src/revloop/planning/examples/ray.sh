#!/usr/bin/env bash
# @title
# vLLM on a Ray cluster: one address for all replicas, behind vLLM's own load balancer.
#
# On the first node:              bash serve-ray.sh head
# On each other node (@others):   bash serve-ray.sh worker ADDRESS_OF_THE_FIRST_NODE
#
# Requires on every node: vllm and ray, the model at the same path, and VLLM_API_KEY in the
# environment. Ray trusts anyone who reaches its port: keep it on a private network.
set -euo pipefail

: "${VLLM_API_KEY:?set it to the key that clients must send}"
ray_port=6379

if [ "${1:-head}" = worker ]; then
    exec ray start --block --address="${2:?name the first node}:$ray_port" --num-gpus=@node_gpus
fi

ray start --head --port="$ray_port" --num-gpus=@node_gpus
trap 'ray stop' EXIT
until python3 - @nodes <<'PYTHON'
import sys

import ray

ray.init(address="auto", logging_level="error")
sys.exit(sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[1]))
PYTHON
do
    echo "waiting for @nodes node(s) ..."
    sleep 5
done
@environment
vllm serve @model \
    @options
