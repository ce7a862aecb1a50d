"""What a server's reply becomes, from a real server that does whatever one can do wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.hostile_servers import (
    CHUNKED,
    LIMITS,
    HostileServer,
    ask,
    bomb,
    repeats,
    reply,
    says,
    then_closes,
    then_resets,
    zipped,
)
from toolenv import bridge
from toolenv.episodes import Response, Status
from toolenv.jsontext import JsonValue, parse, render
from toolenv.simulators import NOT_ANSWERS
from toolenv.simulators.web import (
    WebClient,
    WebReply,
    WebRequest,
    respond,
    response_of,
)
from toolenv.snapshots.success import classify


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


class TestReplies:
    def test_json_is_a_structured_body(self, server: HostileServer) -> None:
        response = ask(server, "/json", says(reply({"city": "Zürich", "n": 2**70})))
        assert (
            response.text == '{"error":"","response":{"city":"Zürich","n":1180591620717411303424}}'
        )
        assert (response.status, response.source, response.origin) == (Status.OK, "live", "live")

    def test_text_is_text(self, server: HostileServer) -> None:
        response = ask(server, "/text", says(reply(b"sunny, 21", content_type="text/plain")))
        assert (response.body, response.status) == ("sunny, 21", Status.OK)

    def test_json_is_read_whatever_the_content_type_says(self, server: HostileServer) -> None:
        for kind in ("text/html", "text/plain", "image/png", "nonsense", ""):
            response = ask(server, "/kind", says(reply(b'{"a":[1]}', content_type=kind)))
            assert (response.body, response.status) == ({"a": [1]}, Status.OK), kind

    def test_what_claims_to_be_json_and_is_not_is_text(self, server: HostileServer) -> None:
        response = ask(server, "/not-json", says(reply(b"{oops", content_type="application/json")))
        assert (response.body, response.status) == ("{oops", Status.OK)

    def test_compressed_replies_are_read(self, server: HostileServer) -> None:
        body = b'{"a":"' + b"x" * 5000 + b'"}'
        raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        for path, sent in {
            "/gzip": zipped(body),
            "/two": reply(
                gzip.compress(body[:9]) + gzip.compress(body[9:]), content_encoding="gzip"
            ),
            "/zlib": reply(zlib.compress(body), content_encoding="deflate"),
            "/raw": reply(raw.compress(body) + raw.flush(), content_encoding="deflate"),
        }.items():
            assert ask(server, path, says(sent)).body == {"a": "x" * 5000}, path

    def test_an_empty_reply_is_an_empty_text(self, server: HostileServer) -> None:
        response = ask(server, "/none", says(reply(b"", 204)))
        assert (response.body, response.status) == ("", Status.OK)

    def test_other_character_sets_are_read(self, server: HostileServer) -> None:
        latin = reply("Zürich".encode("latin-1"), content_type="text/plain; charset=ISO-8859-1")
        assert ask(server, "/latin", says(latin)).body == "Zürich"
        wide = reply('{"a":"ü"}'.encode("utf-16"), content_type="application/json; charset=utf-16")
        assert ask(server, "/wide", says(wide)).body == {"a": "ü"}

    def test_a_character_set_names_no_other_codec(self, server: HostileServer) -> None:
        for charset in ("zlib_codec", "rot13", "unicode_escape", "nonsense", "idna"):
            sent = reply(b"a\\u0041", content_type=f"text/plain; charset={charset}")
            assert ask(server, "/codec", says(sent)).body == "a\\u0041"

    def test_the_query_and_the_body_arrive(self, server: HostileServer) -> None:
        response = ask(server, "/echo", method="POST", content=b'{"q":"x"}')
        body = response.body
        assert isinstance(body, dict)
        assert body["body"] == '{"q":"x"}'
        seen = server.seen("/echo")[-1]
        assert seen.method == "POST" and seen.headers["host"] == server.address


class TestStatuses:
    @pytest.mark.parametrize(
        ("code", "status"),
        [
            (400, Status.BAD_INPUT),
            (401, Status.UNAUTHORISED),
            (403, Status.UNAUTHORISED),
            (404, Status.NOT_FOUND),
            (405, Status.API_ERROR),
            (408, Status.TIMEOUT),
            (418, Status.API_ERROR),
            (422, Status.BAD_INPUT),
            (429, Status.TOO_MANY_REQUESTS),
            (500, Status.SEND_ERROR),
            (503, Status.SEND_ERROR),
            (599, Status.SEND_ERROR),
        ],
    )
    def test_the_http_status_decides(
        self, server: HostileServer, code: int, status: Status
    ) -> None:
        response = ask(server, f"/status/{code}", says(reply({"detail": "so it is"}, code)))
        assert response.status is status
        assert response.body == {"detail": "so it is"}
        assert response.error.startswith(f"HTTP {code}")
        assert classify(response.status, response.text) == "error"

    def test_words_in_a_body_decide_nothing(self, server: HostileServer) -> None:
        film = {"plot": "A terror, a 404 and an unauthorized error: rate limit timed out"}
        response = ask(server, "/film", says(reply(film)))
        assert response.status is Status.OK
        assert classify(response.status, response.text) == "success"

    def test_not_subscribed_is_told_by_the_gateways_message(self) -> None:
        said = b'{"message":"You are not subscribed to this API."}'
        assert response_of(WebReply(403, {}, said)).status is Status.NOT_SUBSCRIBED
        other = b'{"message":"You are not subscribed to this API, says a page about it"}'
        assert response_of(WebReply(403, {}, other)).status is Status.UNAUTHORISED
        assert response_of(WebReply(200, {}, said)).status is Status.OK

    def test_a_spent_quota_is_told_by_the_headers(self, server: HostileServer) -> None:
        spent = reply({"message": "Quota"}, 429, x_ratelimit_requests_remaining="0")
        assert ask(server, "/quota", says(spent)).status is Status.RATE_LIMITED
        left = reply({"message": "Slow"}, 429, x_ratelimit_requests_remaining="17")
        assert ask(server, "/slow", says(left)).status is Status.TOO_MANY_REQUESTS

    def test_what_says_nothing_of_the_api_is_never_recorded(self) -> None:
        for code in (408, 429, 500, 502, 503, 504):
            assert response_of(WebReply(code, {}, b"")).status in NOT_ANSWERS

    @given(
        st.integers(100, 999),
        st.sampled_from(
            ["", "application/json", "text/html; charset=x", "image/png", "a;charset=7"]
        ),
        st.binary(max_size=200),
    )
    def test_any_reply_has_a_response(self, code: int, kind: str, content: bytes) -> None:
        response = response_of(WebReply(code, {"content-type": kind}, content))
        envelope = parse(response.text)
        assert isinstance(envelope, dict) and set(envelope) == {"error", "response"}
        assert (response.status is Status.OK) <= (200 <= code < 300)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
    def test_any_json_comes_through(self, value: JsonValue) -> None:
        sent = render(value).encode()
        kind = {"content-type": "application/json"}
        assert response_of(WebReply(200, kind, sent)).body == value


class TestHostileReplies:
    """Each ends within the limits, in a response that says what it was."""

    def refused(self, response: Response, status: Status, *words: str) -> None:
        assert response.status is status, response
        for word in words:
            assert word in response.error
        assert len(response.text) < 1 << 17

    def test_a_server_that_hangs(self, server: HostileServer) -> None:
        self.refused(ask(server, "/hang"), Status.TIMEOUT, "0.5 s")

    def test_a_server_that_drips(self, server: HostileServer) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
        self.refused(ask(server, "/drip", repeats(head, b"x", 0.05)), Status.TIMEOUT)

    def test_a_server_that_drips_its_head(self, server: HostileServer) -> None:
        dripping = repeats(b"HTTP/1.1 200 OK\r\nx: ", b"x", 0.05)
        self.refused(ask(server, "/drip-head", dripping), Status.TIMEOUT)

    def test_a_gigabyte(self, server: HostileServer) -> None:
        head = reply(b"", content_length=str(1 << 30))
        endless = repeats(head, bytes(1 << 16).replace(b"\0", b"x"))
        patient = LIMITS._replace(total=20)
        self.refused(
            ask(server, "/gb", endless, limits=patient), Status.API_ERROR, "larger", "65536"
        )

    def test_a_chunked_body_without_end(self, server: HostileServer) -> None:
        endless = repeats(CHUNKED, b"1000\r\n" + b"y" * 0x1000 + b"\r\n")
        patient = LIMITS._replace(total=20)
        self.refused(ask(server, "/chunks", endless, limits=patient), Status.API_ERROR, "larger")

    def test_a_head_without_end(self, server: HostileServer) -> None:
        endless = repeats(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"z" * 1000 + b"\r\n")
        patient = LIMITS._replace(total=20)
        self.refused(ask(server, "/head", endless, limits=patient), Status.SEND_ERROR)

    def test_a_gzip_bomb(self, server: HostileServer) -> None:
        sent = reply(bomb(256 << 20), content_encoding="gzip")
        patient = LIMITS._replace(total=20, size=1 << 20)
        self.refused(ask(server, "/bomb", says(sent), limits=patient), Status.API_ERROR, "larger")

    def test_bodies_that_are_not_compressed_as_they_say(self, server: HostileServer) -> None:
        for path, encoding in {
            "/ng": "gzip",
            "/nd": "deflate",
            "/nb": "br",
            "/n2": "gzip, gzip",
        }.items():
            sent = reply(b"no, not at all", content_encoding=encoding)
            self.refused(ask(server, path, says(sent)), Status.SEND_ERROR, "compressed")

    def test_a_compressed_body_that_was_cut(self, server: HostileServer) -> None:
        sent = reply(gzip.compress(b"x" * 5000)[:-12], content_encoding="gzip")
        self.refused(ask(server, "/cut-gzip", says(sent)), Status.SEND_ERROR, "cut")

    def test_invalid_utf_8_is_read_with_replacement_characters(self, server: HostileServer) -> None:
        text = says(reply(b"caf\xe9 \xff ok", content_type="text/plain"))
        assert ask(server, "/utf8", text).body == "caf� � ok"
        inside = says(reply(b'{"name":"caf\xe9"}', content_type="application/json"))
        assert ask(server, "/utf8-json", inside).body == {"name": "caf�"}

    def test_binary_is_refused_by_name(self, server: HostileServer) -> None:
        image = b"\x89PNG\r\n\x1a\n" + bytes(2000)
        response = ask(server, "/png", says(reply(image, content_type="image/png")))
        self.refused(response, Status.API_ERROR)
        assert response.error == "binary response: image/png, 2008 bytes"
        assert response.body == ""
        unnamed = ask(server, "/zero", says(reply(b"a\0b")))
        assert unnamed.error == "binary response: no content type, 3 bytes"

    def test_a_page_of_html_is_an_error(self, server: HostileServer) -> None:
        page = b"<!DOCTYPE html><html><body>Welcome</body></html>"
        response = ask(server, "/html", says(reply(page, content_type="text/html")))
        self.refused(response, Status.API_ERROR, "HTML")
        assert response.body == page.decode()
        assert classify(response.status, response.text) == "error"

    def test_garbage_instead_of_http(self, server: HostileServer) -> None:
        for path, raw in {
            "/smtp": b"220 mail ready\r\n",
            "/zeros": bytes(500),
            "/shut": b"",
        }.items():
            self.refused(ask(server, path, then_closes(raw)), Status.SEND_ERROR, "broke")

    @pytest.mark.parametrize(
        "raw",
        [
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nxxxx",
            b"HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n",
            b"HTTP/1.1 000 X\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
            b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
            b"HTTP/1.1 200 OK\r\n\xff\xff: x\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\n" + b"y" * 50_000 + b"\r\n\r\nok",
            b"\x15\x03\x01\x00\x02\x02",
        ],
    )
    def test_what_is_almost_http(self, server: HostileServer, raw: bytes) -> None:
        response = ask(server, "/almost", then_closes(raw))
        assert response.status in (Status.SEND_ERROR, Status.API_ERROR)
        assert len(response.text) < 1000

    def test_a_body_that_ends_early(self, server: HostileServer) -> None:
        short = then_closes(reply(b"only this", content_length="5000"))
        self.refused(ask(server, "/short", short), Status.SEND_ERROR, "broke")

    def test_a_connection_that_is_reset(self, server: HostileServer) -> None:
        reset = then_resets(reply(b"x" * 10, content_length="5000"))
        self.refused(ask(server, "/reset", reset), Status.SEND_ERROR, "broke")

    def test_nothing_listens(self, server: HostileServer) -> None:
        with HostileServer() as gone:
            address = gone.address
        client = WebClient([address], allow_private=[address], limits=LIMITS)
        response = bridge.run(respond(client, WebRequest("GET", f"http://{address}/")))
        self.refused(response, Status.SEND_ERROR, "No connection")
        client.close()

    def test_deep_nesting_is_text(self, server: HostileServer) -> None:
        deep = b"[" * 30_000 + b"]" * 30_000
        assert (
            ask(server, "/deep", says(reply(deep, content_type="application/json"))).body
            == deep.decode()
        )
