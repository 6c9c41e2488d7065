"""Channel ids, signatures and life: the vectors of the protocol first."""

import pytest

from bxpull_nb.sandbox.channels import Address, Channels, Signer, parse_addresses

PRIV = "0123456789abcdef0123456789abcdef"
PUB = "fedcba9876543210fedcba9876543210"
SIGNED = "32aff7f6a7de6efda5d67fa35afb517ba9de6062"
SIGNED_WITH_PUBLIC = "8e7a387af7609c9f4ce1446ef46267669f3debe0"
SIGNED_PUBLIC = "2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c"


@pytest.fixture
def signer() -> Signer:
    """The signer of the protocol's vectors."""
    return Signer(b"bxpull-test-key")


@pytest.mark.parametrize(
    ("text", "signature"),
    [(PRIV, SIGNED), (f"{PRIV}:{PUB}", SIGNED_WITH_PUBLIC), (f"public:{PUB}", SIGNED_PUBLIC)],
)
def test_signatures_equal_the_protocols_vectors(signer: Signer, text: str, signature: str) -> None:
    """The known key signs the known ids as the portal does."""
    assert signer.sign(text) == signature


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        (f"{PRIV}.{SIGNED}", True),
        (f"{PRIV}:{PUB}.{SIGNED_WITH_PUBLIC}", True),
        (f"{PRIV}:{PUB}.{SIGNED}", False),
        (f"{PRIV}.{SIGNED_WITH_PUBLIC}", False),
        (f"{PUB}.{SIGNED}", False),
        (PRIV, False),
    ],
)
def test_only_the_right_signature_is_accepted(
    signer: Signer, written: str, *, accepted: bool
) -> None:
    """A signature counts for the very id it was made of."""
    (address,) = parse_addresses(written)
    assert signer.accepts(address) is accepted


@pytest.mark.parametrize(
    ("written", "accepted"),
    [(PRIV, True), (f"{PRIV}:{PUB}", False), (f"{PRIV}.{SIGNED[::-1]}", False)],
)
def test_the_trusted_side_may_leave_a_private_id_unsigned(
    signer: Signer, written: str, *, accepted: bool
) -> None:
    """But not one with a public part, and a wrong signature stays wrong."""
    (address,) = parse_addresses(written)
    assert signer.accepts(address, unsigned=True) is accepted


def test_a_channel_id_names_several_channels() -> None:
    """Ids are joined by a slash."""
    found = parse_addresses(f"{PRIV}.{SIGNED}/{PUB}")
    assert found == [Address(PRIV, None, SIGNED), Address(PUB, None, None)]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "/",
        "abc",
        PRIV.upper(),
        PRIV + "\n",
        f"{PRIV}.{SIGNED}/",
        f"{PRIV}/x",
        f"{PRIV}:{PUB[1:]}",
    ],
)
def test_a_misshapen_channel_id_names_nothing(written: str) -> None:
    """One bad id spoils the whole."""
    assert parse_addresses(written) == []


def test_a_channel_stays_the_same_until_its_end_and_is_replaced_then(signer: Signer) -> None:
    """Asking a moment before the end gives the same channel, asking at the end another."""
    moment = [1000.75]
    channels = Channels(signer, 43205.0, lambda: moment[0])
    first = channels.current("shared")
    assert (first.start, first.end) == (1000, 44205.0)
    moment[0] = 44204.9
    assert channels.current("shared") is first
    moment[0] = 44205.0
    second = channels.current("shared")
    assert second.id != first.id
    assert (second.start, second.end) == (44205, 87410.0)


def test_shared_and_private_are_different_channels(signer: Signer) -> None:
    """Each type has its own id, signed by the portal."""
    channels = Channels(signer, 60.0, lambda: 0.0)
    shared, private = channels.current("shared"), channels.current("private")
    assert shared.id != private.id
    assert all(signer.accepts(parse_addresses(c.signed_id)[0]) for c in (shared, private))


def test_the_repr_hides_the_id(signer: Signer) -> None:
    """A channel id is a subscription secret."""
    channel = Channels(signer, 60.0, lambda: 0.0).current("shared")
    assert channel.id not in repr(channel)
