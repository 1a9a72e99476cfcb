"""Settings and recipes, and the recipe for Falcon-40B against its real config."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from revloop import PromptSet
from revloop.errors import InputError, TooLittleMemoryError
from revloop.finetune import (
    RECIPES,
    FinetuneSettings,
    Hardware,
    Recipe,
    shipped_recipes,
    with_changes,
)
from revloop.finetune.base import Anatomy
from revloop.finetune.memory import estimate
from revloop.models.config import read_shape
from tests.helpers.model_configs import FALCON_40B, model_folder

if TYPE_CHECKING:
    from pathlib import Path

EIGHT_GPUS = Hardware(processes=8, memory_gib=80, sharded=True, is_gpu=True)
FALCON = Recipe.load("falcon-40b-instruct")


@pytest.fixture
def falcon_40b(tmp_path: Path) -> Path:
    return model_folder(tmp_path, FALCON_40B)


@pytest.fixture
def anatomy(falcon_40b: Path) -> Anatomy:
    from transformers import AutoConfig

    return Anatomy.of_config(AutoConfig.from_pretrained(falcon_40b))


def test_every_field_has_a_description() -> None:
    assert all(field.description for field in FinetuneSettings.model_fields.values())


def test_none_changes_nothing() -> None:
    assert with_changes(FinetuneSettings(), seed=None, epochs=None) == FinetuneSettings()


@pytest.mark.parametrize(
    "changes",
    [{"method": "magic"}, {"epochs": 0}, {"batch_size": 0}, {"learning_rate": -1}, {"sead": 1}],
)
def test_an_invalid_value_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="An option cannot be used: "):
        with_changes(FinetuneSettings(), **changes)


# recipes


@pytest.mark.parametrize("name", shipped_recipes())
def test_each_recipe_is_valid_and_names_an_existing_prompt_set(name: str) -> None:
    assert PromptSet.load(Recipe.load(name).settings.prompts).bridge


@pytest.mark.parametrize("name", shipped_recipes())
def test_each_key_of_a_recipe_is_a_setting(name: str) -> None:
    """A misspelt key is an error, not a default."""
    text = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    keys = set(re.findall(r"^  (\w+):", text, re.MULTILINE))
    assert keys <= set(FinetuneSettings.model_fields)
    assert keys - {"lora"} <= set(Recipe.load(name).settings.model_fields_set)


def test_the_falcon_recipe_explains_each_setting() -> None:
    """Each block of settings has a comment."""
    text = (RECIPES / "falcon-40b-instruct.yaml").read_text(encoding="utf-8")
    blocks = text.partition("settings:\n")[2].split("\n\n")
    assert all(block.lstrip().startswith("#") for block in blocks)
    assert "no\n# hyperparameters" in text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("settings: {sead: 1}", "sead"),
        ("base: [1]", "base"),
        ("settings: [", "cannot be read as YAML"),
        ("- 1", "The recipe"),
    ],
)
def test_an_invalid_recipe_is_refused(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match):
        Recipe.load(path)


def test_an_empty_recipe_has_all_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.touch()
    assert Recipe.load(path) == Recipe()


def test_a_missing_recipe_is_refused_with_the_existing_ones() -> None:
    with pytest.raises(InputError, match=r"falcon-40b-instruct, tiny"):
        Recipe.load("falcon-41b")


# Falcon-40B


def test_falcon_40b_has_the_layers_that_the_recipe_gives_adapters(anatomy: Anatomy) -> None:
    targets = FALCON.settings.lora.target_modules
    assert targets is not None
    assert set(targets) == set(anatomy.linears)
    assert anatomy.adapter_parameters(64, targets) == 64 * 60 * (17408 + 16384 + 2 * 40960)


def test_the_recipe_stays_within_falcon_40bs_context(falcon_40b: Path) -> None:
    longest = FALCON.settings.max_tokens
    assert longest is not None
    assert longest <= read_shape(str(falcon_40b)).context_tokens == 2048


def test_the_recipes_batch_divides_over_eight_gpus() -> None:
    assert FALCON.settings.batch_size % (8 * FALCON.settings.micro_batch_size) == 0


def test_the_recipe_fits_eight_gpus_of_80_gb(anatomy: Anatomy) -> None:
    sized = estimate(anatomy, FALCON.settings, 2048, EIGHT_GPUS)
    sized.check()
    assert sized.total_gib < 80 / 2


def test_all_weights_of_falcon_40b_do_not_fit_eight_gpus_of_80_gb(anatomy: Anatomy) -> None:
    settings = with_changes(FALCON.settings, method="full")
    with pytest.raises(TooLittleMemoryError, match=r"would take .* GiB on each GPU, and 80\.0 GiB"):
        estimate(anatomy, settings, 2048, EIGHT_GPUS).check()
