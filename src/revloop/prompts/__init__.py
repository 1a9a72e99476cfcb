"""Prompt sets: the templates sent to a model, and how its replies are parsed."""

from revloop.prompts.prompt_set import PromptSet, texts_given
from revloop.prompts.reading import Kind
from revloop.prompts.rendering import Rendered
from revloop.prompts.shipped import shipped_prompt_sets

__all__ = ["Kind", "PromptSet", "Rendered", "shipped_prompt_sets", "texts_given"]
