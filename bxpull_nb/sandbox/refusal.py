"""Why the portal does not do what a REST call asks for."""

__all__ = ["Refusal"]


class Refusal(Exception):  # noqa: N818 - an answer of the portal, not a fault of the sandbox
    """A REST answer with an error code; `status` is its HTTP status."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.status = status
        self.code = code
        self.description = description
