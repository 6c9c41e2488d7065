"""The checks of sources: which of them this portal, plan, scope and user allow.

They bind, subscribe to and read nothing, so nothing changes on the portal.
"""

from collections.abc import Mapping
from typing import Any

from bxpull_nb.diagnosis.advice import missing_scope
from bxpull_nb.diagnosis.context import CheckResult, Context, NotTried
from bxpull_nb.errors import ApiError
from bxpull_nb.rest.auth import Webhook

__all__ = ["application_channels", "chat_events", "offline_events", "personal_feed"]

_CHAT = "im"  # scope
_OF_OBJECTS = ("crm", "task")  # scopes whose events are about objects
_APPLICATION = "Connect with an application's OAuth token: bx.connect(url, token=...)."


async def application_channels(context: Context) -> CheckResult:
    """Check whether a feed gets an application's channels."""
    if context.need_config().personal_feed:
        raise NotTried("a webhook has no application", _APPLICATION)
    return CheckResult("allowed: the events that applications publish; no deals and no tasks")


async def personal_feed(context: Context) -> CheckResult:
    """Check whether a feed gets what the web interface of the webhook's user gets."""
    if not context.need_config().personal_feed:
        raise NotTried(
            "an application's token has none",
            "Where it is wanted, connect with a webhook of scope 'pull_channel': "
            "bx.connect(webhook=...).",
        )
    user = context.user_id or "unknown"
    return CheckResult(
        f"allowed: the traffic of the web interface of user {user}, with personal data of staff; "
        f"privacy=bx.Pseudonyms(key) replaces it"
    )


async def offline_events(context: Context) -> CheckResult:
    """Check whether a feed can bind offline events, and whether the plan can mark them."""
    context.need_token()
    if isinstance(context.auth, Webhook):
        raise NotTried("a webhook has no application", _APPLICATION)
    if not await context.within(context.portal.rest.call("user.admin")):
        raise NotTried(
            "the user is no administrator",
            "Connect with the token of an administrator of the portal: only they bind events.",
        )
    scopes = [scope for scope in _OF_OBJECTS if scope in context.scopes]
    if not scopes:
        wanted = " or ".join(f"'{scope}'" for scope in _OF_OBJECTS)
        raise NotTried(
            f"no scope with events of objects is granted: {wanted}",
            missing_scope(_OF_OBJECTS[0], context.auth),
        )
    names = await context.within(context.portal.rest.call("events"))
    count = len(names) if isinstance(names, list) else 0
    text = f"allowed: {count} names of events, scopes {', '.join(scopes)}"
    if await _plan_marks(context):
        return CheckResult(f"{text}; records are on disk before the portal deletes them")
    return CheckResult(
        f"{text}; the plan cannot mark records (rest_offline_extended)",
        "Nothing is lost while all goes well; a crash may lose up to 50 changes, except with a "
        "plan that has it.",
    )


async def chat_events(context: Context) -> CheckResult:
    """Check whether a feed can subscribe to the user's chat events."""
    context.need_token()
    if _CHAT not in context.scopes:
        raise NotTried(f"the scope '{_CHAT}' is missing", missing_scope(_CHAT, context.auth))
    params = {"name": "im.v2.Event.get"}
    found = await context.within(context.portal.rest.call("method.get", params))
    if isinstance(found, Mapping) and not found.get("isAvailable"):
        raise NotTried(
            "the portal has no im.v2.Event.get", "An update of the portal brings the method."
        )
    return CheckResult("allowed: the chats of the user, for one reader only (chat=True)")


async def _plan_marks(context: Context) -> bool:
    """Whether the portal marks records with a process id instead of deleting them at once."""
    call = context.portal.rest.call("feature.get", {"CODE": "rest_offline_extended"})
    try:
        answer: Any = await context.within(call)
    except ApiError as error:
        if error.code.upper() != "ERROR_METHOD_NOT_FOUND":
            raise
        return False
    value = answer.get("value") if isinstance(answer, Mapping) else answer
    return str(value).upper() in ("Y", "TRUE", "1")
