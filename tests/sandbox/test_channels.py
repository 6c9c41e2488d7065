"""Channel ids, signatures and life, with the vectors of the protocol."""

import pytest

from bxpull_nb.sandbox.channels import Address, Channels, Signer, parse_addresses

PRIV = "0123456789abcdef0123456789abcdef"
PUB = "fedcba9876543210fedcba9876543210"
SIGNED = "32aff7f6a7de6efda5d67fa35afb517ba9de6062"
SIGNED_WITH_PUBLIC = "8e7a387af7609c9f4ce1446ef46267669f3debe0"
SIGNED_PUBLIC = "2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c"


@pytest.fixture
def signer() -> Signer:
    """Return the signer of the protocol's vectors."""
    return Signer(b"bxpull-test-key")


@pytest.mark.parametrize(
    ("text", "signature"),
    [(PRIV, SIGNED), (f"{PRIV}:{PUB}", SIGNED_WITH_PUBLIC), (f"public:{PUB}", SIGNED_PUBLIC)],
)
def test_signatures_equal_the_protocols_vectors(signer: Signer, text: str, signature: str) -> None:
    """The test key signs the test ids as the portal does."""
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
    """A signature is valid for its own id only."""
    (address,) = parse_addresses(written)
    assert signer.accepts(address) is accepted


@pytest.mark.parametrize(
    ("written", "accepted"),
    [(PRIV, True), (f"{PRIV}:{PUB}", False), (f"{PRIV}.{SIGNED[::-1]}", False)],
)
def test_the_trusted_side_may_leave_a_private_id_unsigned(
    signer: Signer, written: str, *, accepted: bool
) -> None:
    """An id with a public part needs its signature, and a wrong one stays wrong."""
    (address,) = parse_addresses(written)
    assert signer.accepts(address, unsigned=True) is accepted


def test_a_channel_id_names_several_channels() -> None:
    """A slash joins the ids."""
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
    """One malformed id makes all of them invalid."""
    assert parse_addresses(written) == []


def test_a_channel_stays_the_same_until_its_end_and_is_replaced_then(signer: Signer) -> None:
    """A request just before the end gives the same channel, at the end another."""
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


@pytest.mark.parametrize("version", [4, 5])
def test_from_version_4_on_a_private_channel_has_a_public_part(
    signer: Signer, version: int
) -> None:
    """It is in the signed id, and an address of its own; a shared channel has none."""
    channels = Channels(signer, 60.0, lambda: 1000.0, version)
    private, shared = channels.current("private"), channels.current("shared")
    (address,) = parse_addresses(private.signed_id)
    assert (address.id, address.public) == (private.id, private.public)
    assert signer.accepts(address)
    assert private.public_id is not None
    public, signature = private.public_id.split(".")
    assert (public, signature) == (private.public, signer.sign(f"public:{public}"))
    assert (shared.public, shared.public_id) == (None, None)
    assert shared.signed_id == f"{shared.id}.{signer.sign(shared.id)}"


def test_below_version_4_there_is_no_public_part(signer: Signer) -> None:
    """The private id is signed alone."""
    private = Channels(signer, 60.0, lambda: 0.0, 3).current("private")
    assert private.signed_id == f"{private.id}.{signer.sign(private.id)}"
    assert private.public_id is None


def test_a_user_is_reached_at_a_public_channel(signer: Signer) -> None:
    """Each user has one, which lives as long as the private channel."""
    channels = Channels(signer, 60.0, lambda: 1000.5, 4)
    mine, other = channels.public_channel(), channels.public_channel(7)
    private = channels.current("private")
    assert (mine.user_id, other.user_id) == (1, 7)
    assert mine.public_id == private.public != other.public_id
    assert signer.accepts_public(mine.public_id, mine.signature)
    assert not signer.accepts_public(other.public_id, mine.signature)
    assert (mine.start, mine.end) == (1000, 1060.0)
    assert mine.public_id not in repr(mine)


def test_a_channel_knows_its_owner(signer: Signer) -> None:
    """The private id gives the owner, after its end too; a shared one has none."""
    channels = Channels(signer, 60.0, lambda: 0.0, 4)
    old, new = channels.replace("private", 7)
    assert old.id != new.id
    assert channels.current("private", 7) is new
    assert [channels.owner(name) for name in (old.id, new.id)] == [7, 7]
    assert channels.owner(channels.current("shared").id) is None


def test_a_token_names_the_shared_channel_and_the_user(signer: Signer) -> None:
    """It ends after 12 hours, or with the channels if they end earlier."""
    channels = Channels(signer, 43205.0, lambda: 1000.75, 5)
    token, end = channels.jwt(7)
    assert signer.claims(token, 1001.0) == {
        "iss": signer.account,
        "iat": 1000,
        "exp": 44200,
        "sub": "7",
        "chan": channels.current("shared").id,
    }
    assert end == 44200
    assert len(signer.account) == 32
    assert Channels(signer, 60.0, lambda: 1000.75, 5).jwt()[1] == 1060


def test_by_a_token_one_is_reached_besides_the_channel(signer: Signer) -> None:
    """From version 5 on private messages go to the user's key as well."""
    targets = {
        version: Channels(signer, 60.0, lambda: 0.0, version).current("private").targets
        for version in (3, 4, 5)
    }
    assert {version: len(names) for version, names in targets.items()} == {3: 1, 4: 1, 5: 2}
    assert targets[5][1] == "user:1"


def test_the_repr_hides_the_id(signer: Signer) -> None:
    """A channel id is a subscription secret."""
    channel = Channels(signer, 60.0, lambda: 0.0).current("shared")
    assert channel.id not in repr(channel)
