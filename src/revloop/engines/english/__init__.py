"""The model `english`: a small proofreader for anyone's English, which runs in this process."""

from revloop.engines.english.engine import ENGLISH
from revloop.engines.english.installed import install
from revloop.engines.english.opening import load_prompts, open_proofreader

__all__ = ["ENGLISH", "install", "load_prompts", "open_proofreader"]
