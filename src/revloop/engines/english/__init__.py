"""The model `english`: a small proofreader for anyone's English, which runs in this process."""

from revloop.engines.english.engine import ENGLISH
from revloop.engines.english.installed import install
from revloop.engines.english.opening import open_proofreader, prompts_for

__all__ = ["ENGLISH", "install", "open_proofreader", "prompts_for"]
