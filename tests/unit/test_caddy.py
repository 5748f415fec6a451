"""What is said when Caddy does not take what it is told."""

from unittest.mock import MagicMock, Mock

import pytest

from fairlead.engine import caddy
from fairlead.engine.caddy import Caddy
from fairlead.engine.dial import Answer
from fairlead.errors import ProxyError

OLD = '{"error":"loading module: json: unknown field \\"stream_close_delay\\""}\n'


def test_caddy_that_is_too_old_is_told_by_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caddy, "dial", Mock(return_value=Answer(400, {}, OLD.encode())))
    with pytest.raises(ProxyError) as caught:
        Caddy(MagicMock(), "shop-dev-proxy", "proxy", "local").load({})
    first, second = str(caught.value).splitlines()
    assert first.startswith("The proxy on local could not take the new routes: ")
    assert second == (
        "Its Caddy is older than 2.7: name the image of a newer one as proxy.image, then release "
        "again."
    )
