#!/usr/bin/env bash
# @title
# One vLLM server on each @stages nodes: tensor-parallel in a node, pipeline over the nodes.
#
#     VLLM_API_KEY=... sbatch serve-slurm.sh
#
# Requires vllm and the model at the same path on every node, and a fast network between them.
#SBATCH --job-name=revloop-critic
#SBATCH --nodes=@nodes
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=@gpus_per_node
#SBATCH --cpus-per-task=@cpus
#SBATCH --time=@time
#SBATCH --output=%x-%j.log
set -euo pipefail

: "${VLLM_API_KEY:?set it to the key that clients must send}"

serve() {
    rank=$((SLURM_NODEID % @stages))
    first=$((SLURM_NODEID - rank + 1))
    leader=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n "${first}p")
    headless=()
    if [ "$rank" -gt 0 ]; then
        headless=(--headless)
    else
        echo "a replica will be at http://$leader:8000"
    fi
    exec vllm serve @model \
        @options \
        --nnodes @stages --node-rank "$rank" --master-addr "$leader" "${headless[@@]}"
}
export -f serve
srun bash -c serve
