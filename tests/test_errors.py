"""The error tree."""

from bxpull_nb import errors


def test_the_drawn_tree_is_the_real_tree() -> None:
    """Every class is in the drawing at its depth."""
    drawn: dict[str, int] = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip("│├└─ `").split(" ")[0]
        if name in errors.__all__:
            drawn[name] = (line.index(name)) // 4
    real = {name: len(getattr(errors, name).__mro__) for name in errors.__all__}
    assert drawn.keys() == real.keys()
    for name, depth in drawn.items():
        parents = [c for c in getattr(errors, name).__mro__ if c.__name__ in errors.__all__]
        assert len(parents) - 1 == depth, name


def test_an_api_error_carries_its_facts() -> None:
    """The code, the text, the method and the status can be read without parsing the message."""
    error = errors.WrongAuthType(
        "message", method="profile", code="WRONG_AUTH_TYPE", description="text", status=403
    )
    assert (error.method, error.code, error.description, error.status) == (
        "profile",
        "WRONG_AUTH_TYPE",
        "text",
        403,
    )
    assert str(error) == "message"
