"""A dataset in a bucket, of a real server on this machine, which can fail."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.collector import Collector
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.dataset import Uploader
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.journal import read_journal_events
from tests.support.events import PORTAL, collected, mid, tens, write
from tests.support.waiting import eventually


class Bucket:
    """A bucket on a server whose next writes can be made to fail."""

    url = "s3://bucket/ds"

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        self.failing: Callable[[Any], list[bytes] | None] | None = None
        """Answers a PUT in the server's place; None for the server's own answer."""
        self.refused = 0
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def make(self) -> None:
        """The bucket, empty."""
        self.client.create_bucket(Bucket="bucket")

    def remove(self) -> None:
        """The bucket and all in it."""
        for name in self.names:
            self.client.delete_object(Bucket="bucket", Key=name)
        self.client.delete_bucket(Bucket="bucket")

    @property
    def client(self) -> Any:
        """A client of another library."""
        import boto3

        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1")

    @property
    def names(self) -> list[str]:
        """What is in it."""
        return [
            one["Key"] for one in self.client.list_objects_v2(Bucket="bucket").get("Contents", [])
        ]

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        if self.failing is not None and environ["REQUEST_METHOD"] == "PUT":
            answer = self.failing(environ)
            if answer is not None:
                self.refused += 1
                start_response("507 Insufficient Storage", [("Content-Type", "text/xml")])
                return answer
        return self._moto(environ, start_response)


def full(_environ: Any) -> list[bytes]:
    """A bucket that is full."""
    return [b"<Error><Code>QuotaExceeded</Code><Message>The bucket is full.</Message></Error>"]


@pytest.fixture(scope="module")
def _server() -> Iterator[Bucket]:
    bucket = Bucket()
    yield bucket
    bucket.close()


def forget_connections() -> None:
    """Drop the connections that the library keeps for the next use of a bucket."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(_server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, to which the environment leads."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", _server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret that must not be shown")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    forget_connections()
    _server.failing, _server.refused = None, 0
    _server.make()
    yield _server
    forget_connections()
    _server.remove()


def test_a_dataset_in_a_bucket_is_like_one_in_a_folder(bucket: Bucket, tmp_path: Path) -> None:
    """Written, compacted and read by both engines."""
    collected(tmp_path / "a", bucket.url, tens(0, 200), part_bytes=19000)
    collected(tmp_path / "b", bucket.url, tens(0, 200), part_bytes=19000)
    expected = read_journal_events(tmp_path / "a")
    pd.testing.assert_frame_equal(bx.read_events(bucket.url), expected)
    bx.compact(bucket.url)
    assert len(bucket.names) == 3
    pd.testing.assert_frame_equal(bx.read_events(bucket.url), expected)
    lazy = bx.read_events(bucket.url, engine="dask", where=[("date", "==", "2026-01-02")])
    assert lazy["mid"].compute().tolist() == [mid(n) for n in range(87, 173)]


def test_a_full_bucket_loses_nothing(bucket: Bucket, tmp_path: Path) -> None:
    """Named, with what to do; nothing half-written is to be seen, and all comes later."""
    write(tmp_path / "a", tens(0, 100))
    uploader = Uploader(tmp_path / "a", bucket.url, PORTAL, part_bytes=9000)
    left = iter(range(2))
    bucket.failing = lambda environ: None if next(left, None) is not None else full(environ)
    with pytest.raises(errors.DatasetNotWritable) as caught:
        uploader.upload()
    assert "s3://bucket/ds cannot be written" in str(caught.value)
    assert "The bucket is full. Make room there." in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(bucket.names) == 2
    whole = bx.read_events(bucket.url)
    assert 0 < len(whole) < 100
    bucket.failing = None
    uploader.upload()
    pd.testing.assert_frame_equal(bx.read_events(bucket.url), read_journal_events(tmp_path / "a"))


def test_a_line_that_breaks_within_a_part(bucket: Bucket, tmp_path: Path) -> None:
    """Half a body arrives: nothing of it is in the bucket, and the next try brings it whole."""

    def broken(environ: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]) // 2)
        environ["werkzeug.socket"].close()
        return [b""]

    write(tmp_path / "a", tens(0, 50))
    uploader = Uploader(tmp_path / "a", bucket.url, PORTAL)
    bucket.failing = broken
    with pytest.raises(errors.DatasetNotWritable):
        uploader.upload()
    bucket.failing = None
    assert bucket.refused > 0
    assert bucket.names == []
    assert uploader.upload() == 50
    assert len(bx.read_events(bucket.url)) == 50


def test_a_compaction_that_fails_changes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    """The old parts go only when the new one is there."""
    collected(tmp_path / "a", bucket.url, tens(0, 40), part_bytes=4000)
    before = bucket.names
    bucket.failing = full
    with pytest.raises(errors.DatasetNotWritable):
        bx.compact(bucket.url)
    assert bucket.names == before
    assert len(bx.read_events(bucket.url)) == 40


def test_a_collector_catches_up_with_its_bucket(
    bucket: Bucket, sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """It goes on listening while the bucket is full."""
    now = [0.0]
    how: dict[str, Any] = {"every": 1, "monotonic": lambda: now[0]}
    collector = Collector(portal, bucket.url, tmp_path / "j", **how)
    collector.start()
    for turn in range(4):
        bucket.failing = full if turn % 2 else None
        for n in range(turn * 25, turn * 25 + 25):
            sandbox.publish("numbered", {"n": n})
        eventually(lambda: len(collector.feed) >= turn * 25 + 25)
        now[0] += 10
        collector.step()
        assert (collector.error is not None) == bool(turn % 2)
    bucket.failing = None
    assert collector.finish()
    found = bx.expand_params(bx.read_events(bucket.url))["params.n"]
    assert found.tolist() == list(range(100))


def test_a_bucket_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    """Named, for writing and for reading."""
    write(tmp_path / "a", tens(0, 10))
    with pytest.raises(errors.DatasetNotWritable, match="the dataset at s3://nowhere/ds cannot be"):
        Uploader(tmp_path / "a", "s3://nowhere/ds", PORTAL).upload()
    with pytest.raises(FileNotFoundError, match="there is no dataset at s3://nowhere/ds"):
        bx.read_events("s3://nowhere/ds")


def test_missing_credentials(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, with what to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    forget_connections()
    with pytest.raises(errors.DatasetUnreachable, match="Set AWS_ACCESS_KEY_ID"):
        bx.read_events(bucket.url)
    with pytest.raises(errors.DatasetNotWritable, match="Set AWS_ACCESS_KEY_ID"):
        Storage(bucket.url).put("portal=a/date=unknown/x.parquet", b"x")


def test_a_server_that_does_not_answer(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is at that address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget_connections()
    with pytest.raises(errors.DatasetUnreachable, match="Check the address"):
        bx.read_events(bucket.url)
