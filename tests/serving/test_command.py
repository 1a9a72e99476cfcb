"""vLLM's command line and environment: `revloop.serving.command`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from revloop.errors import DoesNotFitError, MissingExtraError, ModelConfigError, ServingError
from revloop.serving import ServerOptions
from revloop.serving import command as command_module
from revloop.serving.command import (
    check_model,
    check_vllm_installed,
    child_environment,
    command_line,
    option_value,
    vllm_options,
    with_vllm_options,
)
from tests.helpers import published_models as published
from tests.helpers.model_configs import FALCON_7B, TINY_FALCON, model_folder

if TYPE_CHECKING:
    from pathlib import Path


def flags(options: ServerOptions, name: str) -> str | None:
    return option_value(tuple(command_line(options)), name)


def test_vllm_is_run_as_a_module_of_this_python() -> None:
    line = command_line(ServerOptions(model="a/b", port=1234))
    assert line[:4] == [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"]


def test_the_server_is_not_seen_from_outside_unless_told_so() -> None:
    assert flags(ServerOptions(model="a/b", port=1), "--host") == "127.0.0.1"
    assert flags(ServerOptions(model="a/b", port=1, host="0.0.0.0"), "--host") == "0.0.0.0"


def test_prefix_caching_is_on_and_cached_tokens_are_counted() -> None:
    line = command_line(ServerOptions(model="a/b", port=1))
    assert "--enable-prefix-caching" in line
    assert "--enable-prompt-tokens-details" in line


def test_the_model_is_served_under_the_name_it_was_given(tmp_path: Path) -> None:
    model = str(model_folder(tmp_path))
    assert flags(ServerOptions(model=model, port=1), "--served-model-name") == model
    named = ServerOptions(model=model, port=1, served_model_name="critic")
    assert flags(named, "--served-model-name") == "critic"


def test_the_users_own_options_come_last_so_that_they_win() -> None:
    options = ServerOptions(model="a/b", port=1, vllm_options=("--block-size", "64"))
    assert command_line(options)[-2:] == ["--block-size", "64"]
    assert flags(options, "--block-size") == "64"


def test_the_options_for_any_machine_are_those_of_the_command_here() -> None:
    options = ServerOptions(model="a/b", port=7, enforce_eager=True, vllm_options=("--seed", "1"))
    assert command_line(options)[-len(vllm_options(options)) :] == vllm_options(options)


def test_a_port_that_is_not_settled_is_left_out() -> None:
    assert "--port" not in vllm_options(ServerOptions(model="a/b"))


@pytest.mark.parametrize("on_cpu", [True, False])
def test_the_options_for_any_machine_do_not_depend_on_this_one(
    on_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_module, "vllm_runs_on_cpu", lambda: on_cpu)
    assert "--block-size" not in vllm_options(ServerOptions(model="a/b"))


def test_compilation_is_skipped_when_asked_for() -> None:
    assert "--enforce-eager" not in command_line(ServerOptions(model="a/b", port=1))
    assert "--enforce-eager" in command_line(ServerOptions(model="a/b", port=1, enforce_eager=True))


@pytest.mark.parametrize(
    ("options", "value"),
    [
        (("--port", "7"), "7"),
        (("--port=7",), "7"),
        (("--port", "6", "--port=7"), "7"),
        (("--tensor_parallel_size", "2"), None),
        (("--portal", "7"), None),
        (("--port",), ""),
    ],
)
def test_the_value_of_an_option_is_found_however_it_is_spelt(
    options: tuple[str, ...], value: str | None
) -> None:
    assert option_value(options, "--port") == value


def test_vllms_own_spelling_of_our_options_is_taken_over() -> None:
    given = ("--port", "9123", "--host=0.0.0.0", "-tp", "2", "--served_model_name", "critic")
    options = with_vllm_options(ServerOptions(model="a/b", vllm_options=given))
    assert (options.port, options.host) == (9123, "0.0.0.0")
    assert (options.tensor_parallel_size, options.served_model_name) == (2, "critic")


def test_an_option_that_should_be_a_number_is_refused() -> None:
    with pytest.raises(ServingError, match=r"cannot be used.*'port': 'http'"):
        with_vllm_options(ServerOptions(model="a/b", vllm_options=("--port", "http")))


def test_a_key_on_the_command_line_is_refused() -> None:
    with pytest.raises(ServingError, match=r"Every user of the machine.*VLLM_API_KEY"):
        with_vllm_options(ServerOptions(model="a/b", vllm_options=("--api-key=hush",)))


def test_the_key_travels_in_the_environment_and_nowhere_else() -> None:
    options = ServerOptions(model="a/b", port=1, api_key=SecretStr("hush"))
    assert child_environment(options, None, {})["VLLM_API_KEY"] == "hush"
    assert "hush" not in " ".join(command_line(options))
    assert "hush" not in repr(options)


def test_nothing_phones_home() -> None:
    environment = child_environment(ServerOptions(model="a/b"), None, {"PATH": "/bin"})
    assert environment["PATH"] == "/bin"
    assert environment["VLLM_NO_USAGE_STATS"] == environment["DO_NOT_TRACK"] == "1"


def test_the_hub_is_switched_off_for_a_local_folder_only(tmp_path: Path) -> None:
    local = ServerOptions(model=str(model_folder(tmp_path)))
    assert child_environment(local, None, {})["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in child_environment(ServerOptions(model="a/b"), None, {})


def test_a_cpu_gets_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "vllm_runs_on_cpu", lambda: True)
    options = ServerOptions(model="a/b", port=1)
    assert flags(options, "--block-size") == "32"
    assert "--no-enable-chunked-prefill" in command_line(options)
    assert child_environment(options, None, {})["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.parametrize("own", ["--enable-chunked-prefill", "--no-enable-chunked-prefill"])
def test_on_a_cpu_the_user_decides_whether_prompts_are_divided(
    monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    monkeypatch.setattr(command_module, "vllm_runs_on_cpu", lambda: True)
    line = command_line(ServerOptions(model="a/b", port=1, vllm_options=(own,)))
    assert [option for option in line if "chunked" in option][-1] == own


def test_a_gpu_does_not_get_what_a_cpu_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "vllm_runs_on_cpu", lambda: False)
    options = ServerOptions(model="a/b", port=1)
    assert flags(options, "--block-size") is None
    assert "--no-enable-chunked-prefill" not in command_line(options)
    assert "VLLM_CPU_KVCACHE_SPACE" not in child_environment(options, None, {})


def test_a_cache_size_among_vllms_options_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "vllm_runs_on_cpu", lambda: True)
    given = ("--kv-cache-memory-bytes", "2G")
    environment = child_environment(ServerOptions(model="a/b", vllm_options=given), None, {})
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment


def test_a_model_that_can_be_served_has_its_shape_read(tmp_path: Path) -> None:
    options = ServerOptions(model=str(model_folder(tmp_path)), tensor_parallel_size=2)
    shape = check_model(options)
    assert shape is not None
    assert shape.attention_heads == 4


def test_a_model_that_cannot_be_split_is_refused_before_anything_starts(tmp_path: Path) -> None:
    model = str(model_folder(tmp_path, FALCON_7B))
    with pytest.raises(DoesNotFitError, match="71 attention heads are not divisible by 2"):
        check_model(ServerOptions(model=model, tensor_parallel_size=2))


def test_experts_that_vllm_keeps_whole_need_not_be_split(tmp_path: Path) -> None:
    config = published.MIXTRAL_8X7B | {"intermediate_size": 14_337}
    model = str(model_folder(tmp_path, config))
    with pytest.raises(DoesNotFitError, match=r"14337, is not divisible by 2 .*--enable-expert-pa"):
        check_model(ServerOptions(model=model, tensor_parallel_size=2))
    whole = ("--enable-expert-parallel",)
    assert check_model(ServerOptions(model=model, tensor_parallel_size=2, vllm_options=whole))


def test_an_architecture_that_revloop_does_not_know_is_left_to_vllm(tmp_path: Path) -> None:
    model = model_folder(tmp_path, TINY_FALCON | {"architectures": ["JambaForCausalLM"]})
    assert check_model(ServerOptions(model=str(model), tensor_parallel_size=3)) is None


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelConfigError, match="no weights"):
        check_model(ServerOptions(model=str(folder)))


def test_weights_may_be_missing_where_vllm_is_told_to_make_some_up(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    options = ServerOptions(model=str(folder), vllm_options=("--load-format", "dummy"))
    assert check_model(options) is not None


def test_a_missing_vllm_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"revloop\[vllm\].*revloop\[cpu\]"):
        check_vllm_installed()


@pytest.mark.parametrize(
    "wrong", [{"port": 0}, {"port": 70_000}, {"tensor_parallel_size": 0}, {"model_name": "x"}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="1 validation error for ServerOptions"):
        ServerOptions.model_validate({"model": "a/b"} | wrong)


def test_weights_come_from_safetensors_unless_another_format_is_named() -> None:
    assert flags(ServerOptions(model="a/b", port=1), "--load-format") == "safetensors"
    options = ServerOptions(model="a/b", port=1, vllm_options=("--load-format", "gguf"))
    assert command_line(options)[-2:] == ["--load-format", "gguf"]


def test_no_code_of_a_model_runs_unless_asked_for() -> None:
    assert "--trust-remote-code" not in command_line(ServerOptions(model="a/b", port=1))
