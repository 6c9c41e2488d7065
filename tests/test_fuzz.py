"""No frame, however damaged, breaks a session: a short run of tests/faults/fuzz.py."""

import time
from random import SystemRandom

import pytest

from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.protocol.codec import Codec
from bxpull_nb.protocol.session import SeenMids, Session
from bxpull_nb.storage.eventlog import EventLog
from tests.faults.fuzz import CODECS, bombs, fuzz, try_frame

SEED = SystemRandom().randrange(2**31)


@pytest.fixture
def config(portal: Portal) -> PullConfig:
    """The sandbox's, for service messages to be read against."""
    return portal.fetch_config()


def test_damaged_frames_end_as_events_or_bad_frames(config: PullConfig) -> None:
    """Ten thousand, another ten thousand each time; the seed is in the failure."""
    done = fuzz(10_000, SEED, config)
    assert done.frames == 10_000
    assert done.events > 500
    assert done.bad > 1000
    assert done.slowest < 0.5


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_bombs_are_defused(codec: Codec, config: PullConfig) -> None:
    """As a frame, a body, params, extra and module; in every dialect, and none takes long."""
    log = EventLog()
    for name, frame in bombs(codec):
        begun = time.thread_time()
        log.extend(try_frame(Session(codec, SeenMids()), frame, config).records)
        assert time.thread_time() - begun < 2, name  # a collection of garbage included
        assert len(log.df) == len(log), name
    assert len(log) > 60
