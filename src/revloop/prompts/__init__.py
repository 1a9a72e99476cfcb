"""Prompt sets: the templates sent to a model, and how its replies are parsed."""

from revloop.prompts.prompt_set import PromptSet, Rendered, shipped_prompt_sets, texts_given

__all__ = ["PromptSet", "Rendered", "shipped_prompt_sets", "texts_given"]
