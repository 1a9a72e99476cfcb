#!/usr/bin/env bash
# @title
# One vLLM server for each replica, wherever Slurm places it, behind vLLM's router.
#
#     VLLM_API_KEY=... sbatch serve-slurm.sh
#
# Requires vllm and the model at the same path on every node, and vllm-router on the first.
#SBATCH --job-name=revloop-critic
#SBATCH --ntasks=@replicas
#SBATCH --gpus-per-task=@tensor_parallel_size
#SBATCH --cpus-per-task=@cpus
#SBATCH --time=@time
#SBATCH --output=%x-%j.log
set -euo pipefail

: "${VLLM_API_KEY:?set it to the key that clients must send}"
export endpoints="$PWD/endpoints-$SLURM_JOB_ID" # on a shared file system
mkdir "$endpoints"

serve() {
    port=$((8000 + SLURM_LOCALID))
    echo "http://$(hostname):$port" >"$endpoints/$SLURM_PROCID"
    exec vllm serve @model \
        @options \
        --port "$port"
}
export -f serve
srun bash -c serve &
servers=$!
trap 'kill "$servers" 2>/dev/null || true; wait' EXIT

for ((replica = 0; replica < @replicas; replica++)); do
    until [ -s "$endpoints/$replica" ] && curl --silent --fail "$(cat "$endpoints/$replica")/health"; do
        kill -0 "$servers" # fail if they have ended
        sleep 5
    done
done

# revloop connects to one server (--base-url), or to all of them through the router
cat "$endpoints"/*
vllm-router --host 0.0.0.0 --port 7999 --policy cache_aware --worker-urls $(cat "$endpoints"/*)
