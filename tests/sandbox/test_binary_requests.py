"""Requests of the binary protocol: accepted ones, and the codes of refused ones."""

import pytest

from bxpull_nb.sandbox.channels import Signer
from bxpull_nb.sandbox.push.binary_codec import (
    Publication,
    channel_ids,
    channel_stats,
    parse_request,
    publications,
)
from bxpull_nb.sandbox.push.error import PushRefusal
from tests.support.batches import Named, channel_question, message_request, server_question

PUB = "fedcba9876543210fedcba9876543210"
VECTOR = bytes.fromhex(
    "0a320a300a2e0a280a10fedcba9876543210fedcba98765432101a142eac15640a5846bf7edcd0b3d3fc6c8811b1"
    "3e5c1a027b7d"
)
SIGNED: Named = {
    "id": bytes.fromhex(PUB),
    "signature": bytes.fromhex("2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c"),
}
PRIVATE: Named = {"id": bytes.fromhex("0123456789abcdef" * 2), "isPrivate": True}


@pytest.fixture
def signer() -> Signer:
    """Return the signer of the protocol's vectors."""
    return Signer(b"bxpull-test-key")


def read(signer: Signer, data: bytes, *, trusted: bool = False) -> list[Publication]:
    """Return the messages of a request."""
    return publications(parse_request(data, trusted=trusted), signer, trusted=trusted)


def test_the_protocols_vector_is_understood(signer: Signer) -> None:
    """The vector is one message to a signed public channel."""
    assert message_request("{}", to=[SIGNED]) == VECTOR
    assert read(signer, VECTOR) == [Publication("{}", [f"public:{PUB}"], 0)]


def test_the_trusted_side_writes_to_private_and_public_channels(signer: Signer) -> None:
    """It needs no signatures, and a repeated channel counts repeatedly."""
    data = message_request("a", "b", to=[PRIVATE, {"id": bytes.fromhex(PUB)}, PRIVATE], expiry=60)
    channels = ["0123456789abcdef" * 2, f"public:{PUB}", "0123456789abcdef" * 2]
    assert read(signer, data, trusted=True) == [
        Publication("a", channels, 60),
        Publication("b", channels, 60),
    ]


def test_only_the_first_request_counts(signer: Signer) -> None:
    """The other requests are ignored."""
    data = message_request("first", to=[SIGNED]) + message_request("second", to=[])
    assert [published.body for published in read(signer, data)] == ["first"]


@pytest.mark.parametrize("count", [0, 1, 100])
def test_up_to_a_hundred_messages_are_taken(signer: Signer, count: int) -> None:
    """An empty list is accepted too."""
    assert len(read(signer, message_request(*["{}"] * count, to=[SIGNED]))) == count


def test_up_to_a_hundred_receivers_are_taken(signer: Signer) -> None:
    """Each repetition counts as a receiver."""
    (published,) = read(signer, message_request("{}", to=[SIGNED] * 100))
    assert published.channels == [f"public:{PUB}"] * 100


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"\xff", "4013: Wrong Request Data."),
        (b"", "4013: Wrong Request Data."),
        (b"\x0a\x00", "4013: Wrong Request Data."),
        (server_question(), "4014: Request command is not allowed."),
        (
            message_request(*["{}"] * 101, to=[SIGNED]),
            "4016: Request exceeded the maximum number of messages.",
        ),
        (message_request("{}", to=[]), "4017: No channels found."),
        (
            message_request("{}", to=[SIGNED] * 101),
            "4018: Request exceeded the maximum number of channels.",
        ),
        (message_request("{}", to=[PRIVATE]), "4020: Private channel is not allowed."),
        (
            message_request("{}", to=[SIGNED, {**SIGNED, "signature": b"\0" * 20}]),
            "4021: Channel has an invalid signature.",
        ),
        (
            message_request("{}", to=[{"id": SIGNED["id"]}]),
            "4021: Channel has an invalid signature.",
        ),
    ],
)
def test_what_a_client_may_not_ask_is_refused(signer: Signer, data: bytes, refusal: str) -> None:
    """The refusal has code and text of real servers."""
    with pytest.raises(PushRefusal) as refused:
        read(signer, data)
    assert str(refused.value) == refusal


@pytest.mark.parametrize("length", [0, 15, 17])
def test_the_trusted_side_must_name_ids_of_16_bytes(signer: Signer, length: int) -> None:
    """The code is 4019; for a client the signature is invalid."""
    data = message_request("{}", to=[{"id": b"x" * length, "isPrivate": True}])
    with pytest.raises(PushRefusal, match=r"4019: Request has an invalid channel id\."):
        read(signer, data, trusted=True)


@pytest.mark.parametrize(("names", "code"), [([], 4017), ([SIGNED] * 101, 4018), ([PRIVATE], 4020)])
def test_asking_who_is_online_follows_the_same_rules(
    signer: Signer, names: list[Named], code: int
) -> None:
    """Questions are refused with the codes of publishing."""
    request = parse_request(channel_question(names), trusted=False)
    with pytest.raises(PushRefusal) as refused:
        channel_ids(request, signer, trusted=False)
    assert refused.value.code == code


def test_the_answer_about_channels_is_that_of_a_real_server() -> None:
    """All bytes agree: explicit zeros, in the order of the question."""
    ids = ["140b62eaeea589b19bccd6be362f3d39", "8ae1c395daff4870129e0f0cbb06cf5a"]
    asked = [(f"public:{name}", bytes.fromhex(name)) for name in ids]
    recorded = (
        "0a3212300a160a10140b62eaeea589b19bccd6be362f3d39100018010a160a108ae1c395daff4870129e0f0c"
        "bb06cf5a10001800"
    )
    assert channel_stats(asked, [True, False]) == bytes.fromhex(recorded)


@pytest.mark.parametrize(("code", "status"), [(4010, 400), (4021, 400), (4029, 429)])
def test_a_refusal_has_a_status_for_http(code: int, status: int) -> None:
    """The status is 400, and 429 for too many connections."""
    assert PushRefusal(code).status == status
