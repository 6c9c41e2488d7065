"""The HTTP client of every module that sends secrets, the limits of an answer, and its errors."""

from bxpull_nb.http.body import (
    ANSWER_SECONDS,
    AnswerTooLarge,
    UnreadableAnswer,
    post,
    unpacked,
    whole_within,
)
from bxpull_nb.http.client import Route, http_client, mask_http_logs
from bxpull_nb.http.failures import (
    AnswerTooSlow,
    ProxyFailed,
    is_before_tunnel,
    is_certificate_error,
    no_answer,
    proxy_failure,
    scrubbed,
    untrusted,
)

__all__ = [
    "ANSWER_SECONDS",
    "AnswerTooLarge",
    "AnswerTooSlow",
    "ProxyFailed",
    "Route",
    "UnreadableAnswer",
    "http_client",
    "is_before_tunnel",
    "is_certificate_error",
    "mask_http_logs",
    "no_answer",
    "post",
    "proxy_failure",
    "scrubbed",
    "unpacked",
    "untrusted",
    "whole_within",
]
