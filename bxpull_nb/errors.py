"""The errors of the package, as a tree.

```
BxPullError
├── SettingsError           an argument or an environment variable cannot be used  (ValueError)
│   └── NetworkSettingsError  a proxy or certificate variable cannot be used
├── WrongThreadError        a blocking call from the thread that has to answer  (RuntimeError)
├── WrongProcessError       a portal of the parent process, used in a forked child  (RuntimeError)
├── ConditionFailed         a function given as `where` or `until` raised an error
├── RestError               a call to the portal failed
│   ├── PortalUnreachable   no answer at all: name, network, TLS or time-out
│   ├── UnexpectedAnswer    an answer that is not REST JSON (an HTML page, say)
│   ├── MissingField        JSON without a field that the documentation promises
│   └── ApiError            the portal answered with an error code
│       ├── TokenRefused            expired_token, invalid_token, NO_AUTH_FOUND …
│       │   └── GrantRefused        no new tokens for that refresh token or login code
│       ├── AccessRefused           insufficient_scope, ACCESS_DENIED …
│       ├── WrongAuthType           WRONG_AUTH_TYPE
│       ├── PushServerNotConfigured SERVER_ERROR
│       ├── LimitReached            QUERY_LIMIT_EXCEEDED, OPERATION_TIME_LIMIT, OVERLOAD_LIMIT
│       ├── PortalDeleted           PORTAL_DELETED
│       └── EventRefused            COMMAND_ERROR, PARAMS_ERROR, MODULE_ID_ERROR …
├── LoginFailed             `bxpull login` did not come to its end
│   ├── LoginDenied         the portal sent the browser back with an error
│   ├── WrongState          the browser came back from a login that was not this one
│   └── LoginTimeout        the browser did not come back in time  (TimeoutError)
├── TokensNotStored         the token store cannot be written  (OSError)
├── PushError               the push server, or the way to it
│   ├── ChannelMissing      the config has no channel of the chosen type
│   ├── TransportUnavailable  the config offers no address for the chosen transport
│   ├── ChannelRefused      the server does not know the channel (HTTP 400)
│   ├── PublishRefused      the server did not take a message to a public channel
│   ├── ConnectionFailed    the connection could not be made, or broke
│   │   └── FrameTooLarge   the server sent more in one piece than is taken
│   └── CallFailed          the push server refused a call of ours, or gave no answer
├── WaitTimeout             the awaited event did not come in time  (TimeoutError)
├── ExpectationFailed       the expected event did not come  (AssertionError)
├── QueryFailed             SQL or a search has an error, or asks for more than events  (ValueError)
├── JournalInUse            another process, or another feed, writes to the journal
├── JournalNotWritable      the journal's folder cannot be written  (OSError)
├── DatasetUnreachable      a dataset cannot be read where it is  (OSError)
├── DatasetNotWritable      a dataset takes no more: full, or not allowed  (OSError)
├── FileMissing             a file to read is not there, or not allowed  (FileNotFoundError)
├── FileNotWritten          a file cannot be written  (OSError, and its class for the cause)
└── FileFormatError         a file is not one of ours, or is damaged  (ValueError)
    ├── JournalTooNew       a journal written by a later version of this package
    └── DatasetTooNew       a dataset written by a later version of this package
```

Every message says what happened, where, and what to do next; no message holds a secret.
"""

from collections.abc import Sequence

__all__ = [
    "AccessRefused",
    "ApiError",
    "BxPullError",
    "CallFailed",
    "ChannelMissing",
    "ChannelRefused",
    "ConditionFailed",
    "ConnectionFailed",
    "DatasetNotWritable",
    "DatasetTooNew",
    "DatasetUnreachable",
    "EventRefused",
    "ExpectationFailed",
    "FileFormatError",
    "FileMissing",
    "FileNotWritten",
    "FrameTooLarge",
    "GrantRefused",
    "JournalInUse",
    "JournalNotWritable",
    "JournalTooNew",
    "LimitReached",
    "LoginDenied",
    "LoginFailed",
    "LoginTimeout",
    "MissingField",
    "NetworkSettingsError",
    "PortalDeleted",
    "PortalUnreachable",
    "PublishRefused",
    "PushError",
    "PushServerNotConfigured",
    "QueryFailed",
    "RestError",
    "SettingsError",
    "TokenRefused",
    "TokensNotStored",
    "TransportUnavailable",
    "UnexpectedAnswer",
    "WaitTimeout",
    "WrongAuthType",
    "WrongProcessError",
    "WrongState",
    "WrongThreadError",
]


class BxPullError(Exception):
    """An operation of this package failed; the base of all its errors."""


class SettingsError(BxPullError, ValueError):
    """An argument or an environment variable cannot be used."""


class NetworkSettingsError(SettingsError):
    """A proxy or a certificate that the environment names cannot be used.

    `variable` is the environment's: `HTTPS_PROXY`, `SSL_CERT_FILE` and so on.
    """

    def __init__(self, message: str, *, variable: str) -> None:
        super().__init__(message)
        self.variable = variable


class WrongThreadError(BxPullError, RuntimeError):
    """A blocking call was made on the thread that has to answer it."""


class WrongProcessError(BxPullError, RuntimeError):
    """A portal was connected by the parent process, and used in a forked child."""


class ConditionFailed(BxPullError):
    """A function that the caller gave as `where` or `until` raised an error."""


class RestError(BxPullError):
    """A call to the portal failed.

    `method` is the REST method, `status` the HTTP status when there was an answer.
    """

    def __init__(self, message: str, *, method: str, status: int | None = None) -> None:
        super().__init__(message)
        self.method = method
        self.status = status


class PortalUnreachable(RestError):
    """No answer came: a wrong name, no network, a refused certificate or a time-out."""


class UnexpectedAnswer(RestError):
    """The portal answered, but not with the JSON of its REST interface."""


class MissingField(RestError):
    """The answer lacks a field that the documentation promises; `field` is its path."""

    def __init__(self, message: str, *, method: str, field: str, status: int | None = None) -> None:
        super().__init__(message, method=method, status=status)
        self.field = field


class ApiError(RestError):
    """The portal answered with an error code.

    `code` is the portal's (`WRONG_AUTH_TYPE`, say), `description` its text.
    """

    def __init__(
        self, message: str, *, method: str, code: str, description: str, status: int | None = None
    ) -> None:
        super().__init__(message, method=method, status=status)
        self.code = code
        self.description = description


class TokenRefused(ApiError):
    """The portal does not accept the token or the webhook."""


class GrantRefused(TokenRefused):
    """The token server gave no tokens for that refresh token, or for that login code."""


class AccessRefused(ApiError):
    """The token is valid, but it may not call this method."""


class WrongAuthType(ApiError):
    """The method cannot be called with this kind of authorization."""


class PushServerNotConfigured(ApiError):
    """The portal has no push server switched on."""


class LimitReached(ApiError):
    """The portal refuses calls for now: there were too many, or they took too long."""


class PortalDeleted(ApiError):
    """The portal does not exist any more."""


class EventRefused(ApiError):
    """`pull.application.event.add` did not take the event as it was written."""


class LoginFailed(BxPullError):
    """The login in the browser did not come to its end; no token was stored."""


class LoginDenied(LoginFailed):
    """The portal sent the browser back with an error; `code` is the portal's."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class WrongState(LoginFailed):
    """The browser came back from a login that was not this one."""


class LoginTimeout(LoginFailed, TimeoutError):
    """The browser did not come back in time."""


class TokensNotStored(BxPullError, OSError):
    """The token store cannot be written."""


class PushError(BxPullError):
    """The push server, or the way to it, failed."""


class ChannelMissing(PushError):
    """The connection config has no channel of the chosen type."""


class TransportUnavailable(PushError):
    """The connection config offers no address for the chosen transport."""


class ChannelRefused(PushError):
    """The push server does not know the channel (HTTP 400 to the handshake)."""


class PublishRefused(PushError):
    """The push server did not take a message; `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ConnectionFailed(PushError):
    """The connection to the push server could not be made, or it broke."""


class FrameTooLarge(ConnectionFailed):
    """The server sent a frame, or an answer to a poll, over the limit."""


class CallFailed(PushError):
    """The push server refused a call, or gave no answer; `code` is its JSON-RPC code."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class WaitTimeout(BxPullError, TimeoutError):
    """The awaited event did not arrive in time."""


class ExpectationFailed(BxPullError, AssertionError):
    """The expected event did not come in time; `nearest` holds the most similar records."""

    def __init__(self, message: str, *, nearest: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.nearest = list(nearest)


class QueryFailed(BxPullError, ValueError):
    """SQL on events or a search has an error, or asks for more than the events."""


class FileFormatError(BxPullError, ValueError):
    """A file is not one of ours, or is damaged."""


class JournalTooNew(FileFormatError):
    """A later version of this package wrote the journal."""


class DatasetTooNew(FileFormatError):
    """A later version of this package wrote the dataset."""


class DatasetUnreachable(BxPullError, OSError):
    """A dataset cannot be read where it is: no such bucket, no credentials, no answer."""


class DatasetNotWritable(BxPullError, OSError):
    """A dataset takes no more: its place is full, or writing there is not allowed."""


class FileMissing(BxPullError, FileNotFoundError):
    """A file or a folder to be read does not exist, or may not be opened."""


class FileNotWritten(BxPullError, OSError):
    """A file cannot be written; also of the system's class, such as PermissionError.

    `filename` is its path, `shown` the path without secrets.
    """

    shown: str | None = None

    def __str__(self) -> str:
        return f"{self.shown or self.filename} cannot be written: {self.strerror}"


class JournalInUse(BxPullError):
    """Another process, or another feed of this one, writes to the journal."""


class JournalNotWritable(BxPullError, OSError):
    """The journal's folder, or a file in it, cannot be written."""
