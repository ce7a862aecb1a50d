"""Who is called, what is sent there, and what is never shown."""

from __future__ import annotations

import copy
import logging
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.hostile_servers import (
    LIMITS,
    HostileServer,
    ask,
    reply,
    says,
)
from toolenv import bridge
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.jsontext import render
from toolenv.simulators.web import (
    WebClient,
    WebError,
    WebRequest,
    respond,
)
from toolenv.simulators.web_hosts import is_public


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


class TestRedirects:
    def test_within_the_host_they_are_followed(self, server: HostileServer) -> None:
        server.behaviours["/new"] = says(reply({"at": "new"}))
        for place in ("/new", server.url("/new"), "new"):
            assert ask(server, "/old", says(reply(b"", 302, location=place))).body == {"at": "new"}

    def test_to_another_host_they_are_refused_and_nothing_is_sent(
        self, server: HostileServer
    ) -> None:
        with HostileServer() as other:
            for place in (
                other.url("/echo"),
                f"//{other.address}/echo",
                f"http://localhost:{other.port}/echo",
                f"http://user@{server.address}/echo",
                "file:///etc/passwd",
                "http://169.254.169.254/latest/meta-data",
                "http://[::1",
            ):
                moved = says(reply(b"", 307, location=place))
                client = WebClient(
                    [server.address, other.address], allow_private=["127.0.0.1"], limits=LIMITS
                )
                server.behaviours["/away"] = moved
                response = bridge.run(respond(client, WebRequest("GET", server.url("/away"))))
                assert response.status is Status.SEND_ERROR
                assert "redirects to another host" in response.error
                client.close()
            assert other.received == []

    def test_a_loop_ends(self, server: HostileServer) -> None:
        response = ask(server, "/loop", says(reply(b"", 302, location="/loop")))
        assert response.status is Status.SEND_ERROR
        assert "without end" in response.error

    def test_a_post_becomes_a_get_where_browsers_say_so(self, server: HostileServer) -> None:
        server.behaviours["/p303"] = says(reply(b"", 303, location="/echo"))
        server.behaviours["/p307"] = says(reply(b"", 307, location="/echo"))
        ask(server, "/p303", method="POST", content=b"abc")
        assert (server.seen("/echo")[-1].method, server.seen("/echo")[-1].body) == ("GET", b"")
        ask(server, "/p307", method="POST", content=b"abc")
        assert (server.seen("/echo")[-1].method, server.seen("/echo")[-1].body) == ("POST", b"abc")


class TestHosts:
    def test_only_the_given_hosts_are_called(self, server: HostileServer) -> None:
        client = WebClient(
            [server.address], allow_private=["127.0.0.1", "localhost"], limits=LIMITS
        )
        count = len(server.received)
        for url in (
            f"http://localhost:{server.port}/echo",
            "http://127.0.0.1/echo",
            f"http://127.0.0.1:{server.port + 1}/echo",
            f"http://{server.address}@localhost:{server.port}/echo",
            f"ftp://{server.address}/echo",
            "file:///etc/passwd",
            "/echo",
            "",
            "http://",
            "http://[",
        ):
            with pytest.raises(WebError):
                bridge.run(client.send(WebRequest("GET", url)))
        assert len(server.received) == count
        client.close()

    def test_names_are_compared_without_case(self, server: HostileServer) -> None:
        name = f"LocalHost:{server.port}"
        client = WebClient([name], allow_private=["LOCALHOST"], limits=LIMITS)
        url = f"http://LOCALHOST:{server.port}/echo"
        assert bridge.run(respond(client, WebRequest("GET", url))).status is Status.OK
        client.close()

    def test_addresses_that_are_not_public_are_refused_unless_named(
        self, server: HostileServer
    ) -> None:
        port = server.port
        count = len(server.received)
        for host in (
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f000001",
            "127.1",
            "0.0.0.0",
            "[::ffff:127.0.0.1]",
            "[::1]",
        ):
            client = WebClient([f"{host}:{port}"], limits=LIMITS)
            response = bridge.run(respond(client, WebRequest("GET", f"http://{host}:{port}/echo")))
            assert response.status is Status.SEND_ERROR, host
            assert "not public" in response.error or "looked up" in response.error
            client.close()
        assert len(server.received) == count

    @pytest.mark.parametrize(
        "address",
        [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "fe80::1%eth0",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::7f00:1",
            "2001:db8::1",
            "not an address",
        ],
    )
    def test_no_wrapping_makes_an_address_public(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]
    )
    def test_public_addresses_are_public(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize("host", ["", "a/b", "user@host", "http://x", "host:port"])
    def test_what_names_no_host_is_refused(self, host: str) -> None:
        with pytest.raises(ConfigurationError):
            WebClient([host])

    def test_environment_proxies_are_not_used(
        self, server: HostileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert ask(server, "/echo").status is Status.OK

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("x-a", "1\r\nx-b: 2"),
            ("x-a", "1\nx-b: 2"),
            ("x a", "1"),
            ("x-a:", "1"),
            ("Host", "other.example"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
        ],
    )
    def test_headers_cannot_be_smuggled(self, server: HostileServer, name: str, value: str) -> None:
        count = len(server.received)
        response = ask(server, "/echo", headers={name: value})
        assert response.status is Status.SEND_ERROR
        assert len(server.received) == count

    def test_line_breaks_in_an_address_are_refused(self, server: HostileServer) -> None:
        count = len(server.received)
        for path in ("/echo HTTP/1.1\r\nx-b: 2", "/echo\n", "/\0"):
            assert ask(server, path).status is Status.SEND_ERROR
        assert len(server.received) == count


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate} "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    try:
        subprocess.run(command.split(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not here to make a certificate")
    return certificate, key


class TestTLS:
    def test_the_name_is_verified_though_the_address_was_checked(
        self, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        context.sni_callback = lambda _, name, __: names.append(name)
        with HostileServer(tls=context) as server:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            hosts = [f"localhost:{server.port}", f"127.0.0.1:{server.port}"]
            client = WebClient(hosts, allow_private=["localhost", "127.0.0.1"], limits=LIMITS)
            good, bad = (
                bridge.run(respond(client, WebRequest("GET", f"https://{host}/echo")))
                for host in hosts
            )
            client.close()
            assert good.status is Status.OK
            assert names[0] == "localhost"
            assert bad.status is Status.SEND_ERROR and "certificate" in bad.error
            monkeypatch.delenv("SSL_CERT_FILE")
            client = WebClient(hosts[:1], allow_private=["localhost"], limits=LIMITS)
            untrusted = bridge.run(respond(client, WebRequest("GET", f"https://{hosts[0]}/echo")))
            client.close()
            assert untrusted.status is Status.SEND_ERROR and "certificate" in untrusted.error


class TestSecrets:
    KEY = 'k3y/with+signs=and"quote'

    def test_a_key_that_comes_back_is_hidden(
        self, server: HostileServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        headers = {"x-rapidapi-key": self.KEY}
        response = ask(server, "/echo", secrets=(self.KEY,), headers=headers)
        assert server.seen("/echo")[-1].headers["x-rapidapi-key"] == self.KEY
        body = response.body
        assert isinstance(body, dict) and isinstance(body["headers"], dict)
        assert body["headers"]["x-rapidapi-key"] == "…"
        for form in (self.KEY, render(self.KEY)[1:-1], "k3y%2Fwith", "k3y/with"):
            assert form not in response.text
            assert form not in repr(response)
            assert form not in caplog.text
        assert "receive_response_headers" in caplog.text

    def test_errors_and_representations_hide_it(self, server: HostileServer) -> None:
        client = WebClient(
            [server.address], allow_private=["127.0.0.1"], limits=LIMITS, secrets=[self.KEY]
        )
        request = WebRequest(
            "GET", server.url("/hang?key=k3y%2Fwith%2Bsigns"), {"authorization": self.KEY}
        )
        with pytest.raises(WebError) as caught:
            bridge.run(client.send(request))
        shown = [repr(request), str(request), repr(client), str(caught.value), repr(caught.value)]
        assert caught.value.__cause__ is None
        for text in shown:
            assert "k3y" not in text
        client.close()

    def test_an_error_survives_copying(self) -> None:
        error = WebError("Too late.", status=Status.TIMEOUT, where="host")
        for again in (copy.copy(error), copy.deepcopy(error)):
            assert isinstance(again, WebError) and isinstance(again, SimulatorError)
            assert (again.status, str(again)) == (Status.TIMEOUT, "host: Too late.")
