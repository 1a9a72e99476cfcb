"""Alibaba's Model Studio (DashScope)."""

from revloop.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextFullError,
    ModelNotServedError,
    OverloadedError,
    QuotaError,
    SettingRefusedError,
)
from tests.dialects.dialect import (
    Answered,
    Case,
    Dialect,
    Fails,
    chat,
    openai_error,
    usage,
)

DOCS = "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope"
ERRORS = "https://www.alibabacloud.com/help/en/model-studio/error-code"
MODEL = "qwen-plus"

CASES = (
    Case(
        "chat",
        DOCS,
        chat(
            "So.",
            message={"reasoning_content": ""},
            choice={"logprobs": None},
            usage=usage(24, 3, prompt_tokens_details={"cached_tokens": 0}),
            system_fingerprint=None,
        ),
        Answered("So.", tokens=(24, 3), cached=0),
    ),
    Case(
        "prompt too long",
        ERRORS,
        openai_error(
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
            code="invalid_parameter_error",
        ),
        Fails(ContextFullError, "The limit is 30720."),
        status=400,
    ),
    Case(
        "thoughts without a stream",
        "https://github.com/infiniflow/ragflow/issues/8972",
        openai_error(
            "parameter.enable_thinking must be set to false for non-streaming calls",
            code="invalid_parameter_error",
        ),
        Fails(SettingRefusedError, "must be set to false for non-streaming calls"),
        status=400,
    ),
    Case(
        "a model that only streams",
        ERRORS,
        openai_error(
            "This model only support stream mode, please enable the stream parameter to access "
            "the model.",
            code="invalid_parameter_error",
        ),
        Fails(SettingRefusedError, "only support stream mode"),
        status=400,
    ),
    Case(
        "content filter",
        ERRORS,
        openai_error(
            "Input data may contain inappropriate content.",
            "data_inspection_failed",
            code="data_inspection_failed",
        ),
        Fails(ContentFilterError, "may contain inappropriate content"),
        status=400,
    ),
    Case(
        "wrong key",
        ERRORS,
        openai_error("Incorrect API key provided.", code="invalid_api_key"),
        Fails(AuthenticationError, "Incorrect API key provided."),
        status=401,
    ),
    Case(
        "no balance",
        ERRORS,
        openai_error(
            "Access denied, please make sure your account is in good standing.",
            "Arrearage",
            code="Arrearage",
        ),
        Fails(QuotaError, "in good standing"),
        status=400,
    ),
    Case(
        "unknown model",
        ERRORS,
        openai_error(
            f"The model `{MODEL}` does not exist or you do not have access to it.",
            code="model_not_found",
        ),
        Fails(ModelNotServedError, "does not exist"),
        status=404,
    ),
    Case(
        "too many requests",
        ERRORS,
        openai_error(
            "You exceeded your current requests list.", "limit_requests", code="limit_requests"
        ),
        Fails(OverloadedError, "You exceeded your current requests list."),
        status=429,
    ),
)

ALIBABA = Dialect(
    name="Alibaba",
    address="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    model=MODEL,
    root="/compatible-mode/v1",
    key="DASHSCOPE_API_KEY",
    notes="Some of its models only think while they stream: switch thoughts off with "
    "`--no-thinking`.",
    cases=CASES,
)
