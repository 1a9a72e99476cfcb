"""The complete examples: shells parse them, YAML has what Kubernetes expects, and they run.

No cluster is here, so the scripts run with stand-ins for `ray`, `srun`, `vllm` and the like, which
write down how they were called.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from revloop.models.config import known_shape
from revloop.planning import Job, JobPlan, Platform, TokenLengths, card_named, emit, plan_job
from revloop.serving import ServerOptions
from revloop.serving.command import VLLM_PROGRAM, option_value, vllm_options
from tests.helpers.model_configs import FALCON_40B

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "tiiuae/falcon-40b-instruct"
NASTY = "my 'models'/$(touch harm) \"x\"; @title `y`"
LIMIT_S = 60


def planned(card: str = "h100", gpus: int = 16, **options: Any) -> JobPlan:
    shape = known_shape(FALCON_40B, MODEL)
    assert shape is not None
    job = Job(drafts=1_000_000, iterations=5, lengths=TokenLengths())
    return plan_job(shape, card_named(card), gpus, job, **options)


REPLICAS = planned()
PIPELINES = planned("h100", 6, gpus_per_node=1)
ONE_PIPELINE = planned("h100", 2, gpus_per_node=1)
PLANS = {"replicas": REPLICAS, "pipelines": PIPELINES, "one pipeline": ONE_PIPELINE}
SHELL_WAYS = [Platform.RAY, Platform.SLURM]


def bash(script: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", *arguments],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        **options,
    )


class TestShell:
    @pytest.mark.parametrize("platform", SHELL_WAYS)
    @pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
    def test_bash_reads_the_script(self, platform: Platform, plan: JobPlan) -> None:
        checked = bash(emit(platform, MODEL, plan), "-n")
        assert (checked.returncode, checked.stderr) == (0, "")

    @pytest.mark.parametrize("platform", SHELL_WAYS)
    @given(model=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
    def test_no_name_of_a_model_is_read_as_shell(self, platform: Platform, model: str) -> None:
        script = emit(platform, model, REPLICAS)
        (line,) = re.findall(
            rf"vllm serve ({re.escape(shlex.quote(model))}) \\$", script, re.MULTILINE
        )
        assert shlex.split(line) == [model]

    @pytest.mark.parametrize("platform", SHELL_WAYS)
    def test_a_nasty_name_does_no_harm(self, platform: Platform) -> None:
        assert bash(emit(platform, NASTY, REPLICAS), "-n").returncode == 0


class Cluster:
    """A folder of programs that only record their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        self._calls.mkdir()
        self._programs = folder / "bin"
        self._programs.mkdir()

    def add(self, program: str, body: str = "") -> None:
        """Put a program on the path; each call writes its arguments to a file, one per line."""
        path = self._programs / program
        path.write_text(
            "#!/usr/bin/env bash\n"
            f'printf "%s\\n" "$@" >"$(mktemp "{self._calls}/{program}.XXXXXX")"\n{body}\n',
            encoding="utf-8",
        )
        path.chmod(0o755)

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script on the cluster."""
        environment = {
            **os.environ,
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "VLLM_API_KEY": "hush",
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NODELIST": "node[1-6]",
        }
        return bash(script, "-s", "--", *arguments, cwd=self.folder, env=environment)

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of all calls of a program."""
        files = self._calls.glob(f"{program}.*")
        return [file.read_text(encoding="utf-8").splitlines() for file in files]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def value(call: list[str], name: str) -> str | None:
    return option_value(tuple(call), name)


def assert_served_as_revloop_does(call: list[str], plan: JobPlan) -> None:
    """The command starts with all options of `revloop serve`."""
    options = ServerOptions(
        model=MODEL, host="0.0.0.0", tensor_parallel_size=plan.layout.tensor_parallel_size
    )
    assert call[:2] == ["serve", MODEL]
    assert [word for word in vllm_options(options) if word not in call] == []
    assert "--enable-prefix-caching" in call


class TestRay:
    @pytest.fixture(autouse=True)
    def _programs(self, cluster: Cluster) -> None:
        cluster.add("ray")
        cluster.add("python3", "cat >/dev/null")
        cluster.add("vllm", 'echo "span=${VLLM_RAY_DP_PACK_STRATEGY-}"')

    def test_one_call_serves_all_replicas(self, cluster: Cluster) -> None:
        finished = cluster.run(emit(Platform.RAY, MODEL, REPLICAS), "head")
        assert finished.returncode == 0, finished.stderr
        (call,) = cluster.calls("vllm")
        assert_served_as_revloop_does(call, REPLICAS)
        assert value(call, "--data-parallel-size") == "8"
        assert value(call, "--data-parallel-size-local") == "4"
        assert value(call, "--data-parallel-backend") == "ray"
        assert value(call, "--port") == "8000"
        assert "span=\n" in finished.stdout
        assert ["start", "--head", "--port=6379", "--num-gpus=8"] in cluster.calls("ray")
        assert ["stop"] in cluster.calls("ray")
        assert cluster.calls("python3") == [["-", "2"]]

    def test_another_node_joins_the_first(self, cluster: Cluster) -> None:
        finished = cluster.run(emit(Platform.RAY, MODEL, REPLICAS), "worker", "node1")
        assert finished.returncode == 0, finished.stderr
        assert cluster.calls("ray") == [
            ["start", "--block", "--address=node1:6379", "--num-gpus=8"]
        ]
        assert cluster.calls("vllm") == []

    def test_replicas_that_take_several_nodes_are_pipelines(self, cluster: Cluster) -> None:
        finished = cluster.run(emit(Platform.RAY, MODEL, PIPELINES), "head")
        (call,) = cluster.calls("vllm")
        assert value(call, "--pipeline-parallel-size") == "2"
        assert value(call, "--distributed-executor-backend") == "ray"
        assert value(call, "--data-parallel-size") == "3"
        assert value(call, "--data-parallel-size-local") is None
        assert "span=span\n" in finished.stdout

    def test_one_pipeline_needs_no_balancer(self, cluster: Cluster) -> None:
        finished = cluster.run(emit(Platform.RAY, MODEL, ONE_PIPELINE), "head")
        (call,) = cluster.calls("vllm")
        assert value(call, "--data-parallel-size") is None
        assert "span=\n" in finished.stdout

    def test_without_a_key_nothing_starts(self, cluster: Cluster) -> None:
        script = f"unset VLLM_API_KEY\n{emit(Platform.RAY, MODEL, REPLICAS)}"
        finished = cluster.run(script, "head")
        assert finished.returncode != 0
        assert "set it to the key" in finished.stderr
        assert cluster.calls("ray") == []


def directives(script: str) -> dict[str, str]:
    """A script's Slurm directives, which count only before the first command."""
    found = {}
    for line in script.splitlines():
        if line.startswith("#SBATCH"):
            match = re.fullmatch(r"#SBATCH --([a-z-]+)=(\S+)", line)
            assert match is not None, line
            found[match[1]] = match[2]
        elif line and not line.startswith("#"):
            break
    assert len(found) == script.count("\n#SBATCH")
    return found


SRUN = """
shift 2
for ((task = 0; task < {tasks}; task++)); do
    SLURM_PROCID=$task SLURM_NODEID=$task SLURM_LOCALID=$((task % 4)) bash -c serve &
done
wait
"""


class TestSlurm:
    def test_slurm_is_asked_for_a_task_a_replica(self) -> None:
        asked = directives(emit(Platform.SLURM, MODEL, REPLICAS))
        assert asked == {
            "job-name": "revloop-critic",
            "ntasks": "8",
            "gpus-per-task": "2",
            "cpus-per-task": "8",
            "time": "1-04:00:00",
            "output": "%x-%j.log",
        }

    def test_slurm_is_asked_for_whole_nodes_for_a_pipeline(self) -> None:
        asked = directives(emit(Platform.SLURM, MODEL, PIPELINES))
        assert (asked["nodes"], asked["ntasks-per-node"], asked["gpus-per-node"]) == ("6", "1", "1")
        assert re.fullmatch(r"\d+-\d\d:00:00", asked["time"])

    def test_each_replica_is_a_server_and_the_router_knows_them_all(self, cluster: Cluster) -> None:
        cluster.add("srun", SRUN.format(tasks=8))
        for program in ("vllm", "curl", "vllm-router"):
            cluster.add(program)
        cluster.add("sleep", "exec /bin/sleep 0.1")
        cluster.add("hostname", "echo node1")
        finished = cluster.run(emit(Platform.SLURM, MODEL, REPLICAS))
        assert finished.returncode == 0, finished.stderr
        calls = cluster.calls("vllm")
        assert len(calls) == 8
        for call in calls:
            assert_served_as_revloop_does(call, REPLICAS)
        assert {value(call, "--port") for call in calls} == {"8000", "8001", "8002", "8003"}
        (router,) = cluster.calls("vllm-router")
        assert value(router, "--policy") == "cache_aware"
        urls = router[router.index("--worker-urls") + 1 :]
        assert len(urls) == 8
        assert set(urls) == {f"http://node1:800{n}" for n in range(4)}
        assert finished.stdout.splitlines() == urls

    def test_waiting_ends_when_the_servers_do(self, cluster: Cluster) -> None:
        cluster.add("srun", "exit 3")
        cluster.add("sleep")
        for program in ("curl", "vllm-router"):
            cluster.add(program)
        assert cluster.run(emit(Platform.SLURM, MODEL, REPLICAS)).returncode != 0
        assert cluster.calls("vllm-router") == []

    def test_each_pipeline_has_a_leader_and_ranks_of_its_own(self, cluster: Cluster) -> None:
        cluster.add("srun", SRUN.format(tasks=6))
        cluster.add("vllm")
        cluster.add("scontrol", 'printf "node%s\\n" 1 2 3 4 5 6')
        finished = cluster.run(emit(Platform.SLURM, MODEL, PIPELINES))
        assert finished.returncode == 0, finished.stderr
        calls = cluster.calls("vllm")
        places = sorted(
            (value(c, "--master-addr"), value(c, "--node-rank"), "--headless" in c) for c in calls
        )
        assert places == [
            (f"node{leader}", str(rank), rank == 1) for leader in (1, 3, 5) for rank in (0, 1)
        ]
        for call in calls:
            assert_served_as_revloop_does(call, PIPELINES)
            assert value(call, "--nnodes") == value(call, "--pipeline-parallel-size") == "2"
        assert "a replica will be at http://node5:8000" in finished.stdout


class Strict(BaseModel):
    """A part of a Kubernetes object: a field that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Named(Strict):
    name: str


class Labelled(Strict):
    labels: dict[str, str]


class HttpGet(Strict):
    path: str
    port: int


class Probe(Strict):
    httpGet: HttpGet  # noqa: N815 - Kubernetes' name
    periodSeconds: int  # noqa: N815
    failureThreshold: int = 3  # noqa: N815


class Variable(Strict):
    name: str
    value: str | None = None
    valueFrom: dict[Literal["secretKeyRef", "fieldRef"], dict[str, str]] | None = None  # noqa: N815


class Limits(Strict):
    limits: dict[Literal["nvidia.com/gpu"], int]


class Mount(Strict):
    name: str
    mountPath: str  # noqa: N815


class Container(Strict):
    name: str
    image: str
    command: list[str]
    args: list[str]
    env: list[Variable]
    ports: list[dict[Literal["containerPort"], int]] = []
    resources: Limits | None = None
    startupProbe: Probe | None = None  # noqa: N815
    readinessProbe: Probe | None = None  # noqa: N815
    volumeMounts: list[Mount] = []  # noqa: N815


class Volume(Strict):
    name: str
    persistentVolumeClaim: dict[Literal["claimName"], str] | None = None  # noqa: N815
    emptyDir: dict[Literal["medium", "sizeLimit"], str] | None = None  # noqa: N815


class PodSpec(Strict):
    containers: Annotated[list[Container], Field(min_length=1)]
    volumes: list[Volume] = []
    serviceAccountName: str | None = None  # noqa: N815


class Pod(Strict):
    metadata: Labelled
    spec: PodSpec


class Selector(Strict):
    matchLabels: dict[str, str]  # noqa: N815


class DeploymentSpec(Strict):
    replicas: Annotated[int, Field(ge=1)]
    selector: Selector
    template: Pod


class Deployment(Strict):
    apiVersion: Literal["apps/v1"]  # noqa: N815
    kind: Literal["Deployment"]
    metadata: Named
    spec: DeploymentSpec


class Group(Strict):
    size: Annotated[int, Field(ge=2)]
    restartPolicy: Literal["RecreateGroupOnPodRestart"]  # noqa: N815
    leaderTemplate: Pod  # noqa: N815
    workerTemplate: Pod  # noqa: N815


class LeaderWorkerSetSpec(Strict):
    replicas: Annotated[int, Field(ge=1)]
    leaderWorkerTemplate: Group  # noqa: N815


class LeaderWorkerSet(Strict):
    apiVersion: Literal["leaderworkerset.x-k8s.io/v1"]  # noqa: N815
    kind: Literal["LeaderWorkerSet"]
    metadata: Named
    spec: LeaderWorkerSetSpec


class ServiceSpec(Strict):
    selector: dict[str, str]
    ports: list[dict[Literal["port", "targetPort"], int]]


class Service(Strict):
    apiVersion: Literal["v1"]  # noqa: N815
    kind: Literal["Service"]
    metadata: Named
    spec: ServiceSpec


class ServiceAccount(Strict):
    apiVersion: Literal["v1"]  # noqa: N815
    kind: Literal["ServiceAccount"]
    metadata: Named


class Role(Strict):
    apiVersion: Literal["rbac.authorization.k8s.io/v1"]  # noqa: N815
    kind: Literal["Role"]
    metadata: Named
    rules: list[dict[Literal["apiGroups", "resources", "verbs"], list[str]]]


class RoleBinding(Strict):
    apiVersion: Literal["rbac.authorization.k8s.io/v1"]  # noqa: N815
    kind: Literal["RoleBinding"]
    metadata: Named
    subjects: list[dict[Literal["kind", "name"], str]]
    roleRef: dict[Literal["apiGroup", "kind", "name"], str]  # noqa: N815


Kubernetes = Annotated[
    Deployment | LeaderWorkerSet | Service | ServiceAccount | Role | RoleBinding,
    Field(discriminator="kind"),
]
OBJECTS: TypeAdapter[list[Kubernetes]] = TypeAdapter(list[Kubernetes])


def objects(plan: JobPlan, model: str = MODEL) -> dict[tuple[str, str], Any]:
    """The objects of an example by kind and name, each checked field by field."""
    documents = list(yaml.safe_load_all(emit(Platform.K8S, model, plan)))
    found: dict[tuple[str, str], Any] = {
        (o.kind, o.metadata.name): o for o in OBJECTS.validate_python(documents)
    }
    assert len(found) == len(documents)
    return found


class TestKubernetes:
    def test_each_replica_is_a_pod_with_its_gpus(self) -> None:
        critic = objects(REPLICAS)["Deployment", "critic"]
        (container,) = critic.spec.template.spec.containers
        assert critic.spec.replicas == 8
        assert container.resources.limits == {"nvidia.com/gpu": 2}
        assert_served_as_revloop_does([*container.command[1:], *container.args], REPLICAS)
        assert container.command[0] == "vllm"
        assert value(container.args, "--port") == "8000"

    def test_labels_and_names_match(self) -> None:
        found = objects(REPLICAS)
        for (kind, _), each in found.items():
            if kind == "Deployment":
                assert each.spec.selector.matchLabels == each.spec.template.metadata.labels
        router = found["Deployment", "critic-router"].spec.template
        assert found["Service", "critic"].spec.selector == router.metadata.labels
        account = found["ServiceAccount", router.spec.serviceAccountName].metadata.name
        binding = found["RoleBinding", "critic-router"]
        assert binding.subjects == [{"kind": "ServiceAccount", "name": account}]
        assert ("Role", binding.roleRef["name"]) in found
        (labels,) = re.findall(r"--selector (\S+)", router.spec.containers[0].args[0])
        critic = found["Deployment", "critic"].spec.template.metadata.labels
        assert labels == ",".join(f"{name}={label}" for name, label in critic.items())

    @pytest.mark.parametrize("plan", [REPLICAS, PIPELINES])
    def test_every_mount_has_its_volume_and_the_key_is_a_secret(self, plan: JobPlan) -> None:
        text = emit(Platform.K8S, MODEL, plan)
        for pod in pods(objects(plan)):
            volumes = {volume.name for volume in pod.volumes}
            for container in pod.containers:
                assert {mount.name for mount in container.volumeMounts} <= volumes
        assert "secretKeyRef: {name: critic-key, key: key}" in text

    def test_a_pipeline_is_a_group_of_pods(self) -> None:
        found = objects(PIPELINES)
        group = found["LeaderWorkerSet", "critic"].spec
        assert (group.replicas, group.leaderWorkerTemplate.size) == (3, 2)
        leader, worker = (
            template.spec.containers[0]
            for template in (
                group.leaderWorkerTemplate.leaderTemplate,
                group.leaderWorkerTemplate.workerTemplate,
            )
        )
        for container in (leader, worker):
            assert_served_as_revloop_does([*container.command[1:], *container.args], PIPELINES)
            assert value(container.args, "--nnodes") == "2"
            assert value(container.args, "--master-addr") == "$(LWS_LEADER_ADDRESS)"
        assert (value(leader.args, "--node-rank"), "--headless" in leader.args) == ("0", False)
        assert value(worker.args, "--node-rank") == "$(LWS_WORKER_INDEX)"
        assert "--headless" in worker.args
        labels = group.leaderWorkerTemplate.leaderTemplate.metadata.labels
        assert found["Service", "critic"].spec.selector == labels

    @given(model=st.text(st.characters(codec="utf-8"), min_size=1))
    def test_no_name_of_a_model_is_read_as_yaml_or_expanded(self, model: str) -> None:
        (container,) = objects(REPLICAS, model)[
            "Deployment", "critic"
        ].spec.template.spec.containers
        assert container.command == ["vllm", "serve", model.replace("$(", "$$(")]


def pods(found: dict[tuple[str, str], Any]) -> list[PodSpec]:
    """All pods of an example."""
    specs = [each.spec for (kind, _), each in found.items() if kind == "Deployment"]
    groups = [
        each.spec.leaderWorkerTemplate
        for (kind, _), each in found.items()
        if kind == "LeaderWorkerSet"
    ]
    templates = [spec.template for spec in specs]
    templates += [t for group in groups for t in (group.leaderTemplate, group.workerTemplate)]
    return [template.spec for template in templates]


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_nothing_is_left_to_fill_in(platform: Platform, plan: JobPlan) -> None:
    text = emit(platform, MODEL, plan)
    assert not re.findall(r"(?<!\[)@\w+", text)
    assert text.endswith("\n")
    assert f"{plan.layout.replicas} replica(s) at tensor-parallel size" in text


@pytest.mark.parametrize("platform", Platform)
def test_a_line_break_in_a_name_stays_in_the_name(platform: Platform) -> None:
    first = emit(platform, "a\nb: c", REPLICAS).splitlines()[:3]
    assert all(line.startswith("#") for line in first)


@pytest.mark.slow
@pytest.mark.parametrize("platform", [Platform.RAY, Platform.SLURM])
def test_every_option_is_one_of_vllms(platform: Platform, cluster: Cluster) -> None:
    """Checked with vLLM's own parser, which takes half a minute to import."""
    pytest.importorskip("vllm")
    cluster.add("srun", SRUN.format(tasks=6))
    cluster.add("scontrol", 'printf "node%s\\n" 1 2 3 4 5 6')
    for program in ("ray", "python3", "vllm"):
        cluster.add(program)
    cluster.run(emit(platform, MODEL, PIPELINES))
    known = subprocess.run(
        [*VLLM_PROGRAM, "--help=all"], capture_output=True, text=True, check=True
    ).stdout
    options = {word for call in cluster.calls("vllm") for word in call if word.startswith("--")}
    assert len(options) > 8
    assert {option for option in options if f"{option}" not in known} == set()
