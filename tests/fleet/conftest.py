"""The engines that the tests of the stream are run with: each test with each that is installed."""

from __future__ import annotations

import pytest
from broker import ENGINES


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request):
    """What starts a server."""
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    """A server that the tests of a module share."""
    server = engine(tmp_path_factory.mktemp(engine.engine))
    yield server
    server.close()


@pytest.fixture
def own_server(engine, tmp_path):
    """A server of the test's own, to be killed."""
    server = engine(tmp_path / "server")
    yield server
    server.close()


@pytest.fixture
def only_nats(engine):
    """What is so only there."""
    if engine.engine != "nats":
        pytest.skip("for NATS only")
