"""Sessions for the tests of this folder, and the watch that nothing is left of them."""

import inspect

import pytest

from tests.support.sessions import nothing_amiss, running


@pytest.fixture(autouse=True)
async def tidy(request):
    """Every test of this folder ends with nothing unhandled and nothing left over."""
    if not inspect.iscoroutinefunction(request.function):
        yield
        return
    async with nothing_amiss():
        yield


@pytest.fixture
async def sessions():
    """Open sessions on addresses of their own: `await sessions()`; they are closed side by side."""
    async with running() as start:
        yield start
