"""The model `english`: a small proofreader for anyone's English, which runs in this process."""

from revloop.engines.english.engine import ENGLISH
from revloop.engines.english.installed import install, is_installed
from revloop.engines.english.opening import is_proofreader, load_prompts, open_proofreader

__all__ = [
    "ENGLISH",
    "install",
    "is_installed",
    "is_proofreader",
    "load_prompts",
    "open_proofreader",
]
