"""Every dialect, in the order of the table."""

from tests.dialects.alibaba import ALIBABA
from tests.dialects.anthropic import ANTHROPIC
from tests.dialects.azure import AZURE
from tests.dialects.between import BETWEEN
from tests.dialects.deepseek import DEEPSEEK
from tests.dialects.fireworks import FIREWORKS
from tests.dialects.gemini import GEMINI
from tests.dialects.groq import GROQ
from tests.dialects.litellm import LITELLM
from tests.dialects.llama_cpp import LLAMA_CPP
from tests.dialects.lm_studio import LM_STUDIO
from tests.dialects.mistral import MISTRAL
from tests.dialects.moonshot import MOONSHOT
from tests.dialects.ollama import OLLAMA
from tests.dialects.openai import OPENAI
from tests.dialects.openrouter import OPENROUTER
from tests.dialects.sglang import SGLANG
from tests.dialects.tgi import TGI
from tests.dialects.together import TOGETHER
from tests.dialects.vllm import VLLM
from tests.dialects.vllm_before import VLLM_BEFORE
from tests.dialects.xai import XAI

DIALECTS = (
    *(VLLM, VLLM_BEFORE, SGLANG, TGI, LLAMA_CPP, OLLAMA, LM_STUDIO, LITELLM),
    *(OPENAI, AZURE, OPENROUTER, TOGETHER, MISTRAL, ANTHROPIC),
    *(ALIBABA, DEEPSEEK, FIREWORKS, GEMINI, GROQ, MOONSHOT, XAI),
)
"""What people run, then what they rent."""

ALL = (*DIALECTS, BETWEEN)
