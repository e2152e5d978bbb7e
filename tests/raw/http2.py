"""Clients that break the rules of HTTP/2 (RFC 9113), in the kinds of h2spec, and floods.

Usage: http2.py HOST PORT BODY AUTHORIZATION

Each case opens a connection, breaks one rule, and names the errors that may answer it. A stream error
may be answered by a connection error, and either by the end of the connection (RFC 9113 section 5.4.1,
as h2spec reads it). After each case a caller with good manners, on a connection of its own that was
there before, must be answered within a second, by h2, which is a strict client. Prints a line for each
case and ends with 1 if one failed.
"""

import socket
import struct
import sys
import time

import h2.config
import h2.connection
import h2.events
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

HOST, PORT, BODY, AUTHORIZATION = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode(), sys.argv[4]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, CALM = 1, 3, 5, 6, 7, 8, 9, 11
PATIENCE = 5
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/introspect"),
    (":authority", "introspectd"),
]
FIELDS = [("content-type", "application/x-www-form-urlencoded"), ("authorization", AUTHORIZATION)]


class Client:
    """A connection on which anything can be sent."""

    def __init__(self, settings=None, preface=PREFACE):
        self.socket = socket.create_connection((HOST, PORT), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.encoder = Encoder()
        self.send(preface + SettingsFrame(0, settings=settings or {}).serialize())

    def send(self, *pieces):
        """Sends frames or bytes. A server may close before it has read all of them."""
        data = b"".join(p if isinstance(p, bytes) else p.serialize() for p in pieces)
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def headers(self, stream, fields=None, end=True, **flags):
        frame = HeadersFrame(stream, data=self.encoder.encode(fields or HEADERS + FIELDS))
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
        return frame

    def request(self, stream=1):
        data = DataFrame(stream, data=BODY)
        data.flags.add("END_STREAM")
        return [self.headers(stream, end=False), data]

    def frames(self):
        """Yields what comes, until the connection ends."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while len(self.received) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self.received[:9]))
                if len(self.received) < 9 + length:
                    break
                frame.parse_body(memoryview(self.received[9 : 9 + length]))
                self.received = self.received[9 + length :]
                yield frame
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                raise AssertionError("neither an error nor an end in time")
            except OSError:
                return
            if not piece:
                return
            self.received += piece
        raise AssertionError("frames without an end")

    def refused(self, *codes):
        """The connection ends, or an error with one of these codes comes, or PROTOCOL_ERROR, which
        the h2 crate says in place of some that are more exact."""
        for frame in self.frames():
            if isinstance(frame, (GoAwayFrame, RstStreamFrame)) and frame.error_code != 0:
                assert frame.error_code in (PROTOCOL, *codes), f"error {frame.error_code}, not one of {codes}"
                return

    def answered(self, stream=1):
        """This stream gets a whole answer."""
        for frame in self.frames():
            if isinstance(frame, (GoAwayFrame, RstStreamFrame)):
                raise AssertionError(f"{frame}")
            if frame.stream_id == stream and "END_STREAM" in frame.flags:
                return
        raise AssertionError("the connection ended without an answer")

    def ended(self):
        for _ in self.frames():
            pass


def raw(kind, flags, stream, body):
    """A frame with any bytes."""
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


DATA, HEAD, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
CASES = []


def case(function):
    CASES.append(function)
    return function


def breaks(name, section, codes, *pieces):
    """A case that sends these pieces right after the preface, and is refused."""

    def run():
        client = Client()
        client.send(*[piece(client) if callable(piece) else piece for piece in pieces])
        client.refused(*codes)

    run.__name__ = f"{name} ({section})"
    CASES.append(run)


def open_stream(client):
    return client.headers(1, end=False).serialize()


def whole_request(client):
    return b"".join(frame.serialize() for frame in client.request())


def fields(*names, end=True):
    return lambda client: client.headers(1, list(names), end=end).serialize()


# Frames and their sizes
breaks("data_on_no_stream", "6.1", [PROTOCOL], raw(DATA, 0, 0, b"x"))
breaks("headers_on_no_stream", "6.2", [PROTOCOL], raw(HEAD, 5, 0, b"\x82"))
breaks("data_over_the_frame_size", "4.2", [SIZE, FLOW], open_stream, raw(DATA, 0, 1, bytes(16385)))
breaks("headers_over_the_frame_size", "4.2", [SIZE], raw(HEAD, 5, 1, bytes(16385)))
breaks("priority_of_a_wrong_size", "6.3", [SIZE], raw(PRIORITY, 0, 1, bytes(4)))
breaks("priority_on_no_stream", "6.3", [PROTOCOL], raw(PRIORITY, 0, 0, bytes(5)))
breaks("reset_of_a_wrong_size", "6.4", [SIZE], open_stream, raw(RST, 0, 1, bytes(3)))
breaks("reset_on_no_stream", "6.4", [PROTOCOL], raw(RST, 0, 0, bytes(4)))
breaks("ping_of_a_wrong_size", "6.7", [SIZE], raw(PING, 0, 0, bytes(7)))
breaks("ping_on_a_stream", "6.7", [PROTOCOL], raw(PING, 0, 1, bytes(8)))
breaks("goaway_on_a_stream", "6.8", [PROTOCOL], raw(GOAWAY, 0, 1, bytes(8)))
breaks("padding_over_the_frame", "6.1", [PROTOCOL], open_stream, raw(DATA, 9, 1, b"\x09xx"))
breaks("push_promise_of_a_client", "8.4", [PROTOCOL], open_stream, raw(PUSH, 4, 1, bytes(4)))

# SETTINGS
breaks("settings_acknowledgement_with_a_body", "6.5", [SIZE], raw(SETTINGS, 1, 0, bytes(6)))
breaks("settings_on_a_stream", "6.5", [PROTOCOL], raw(SETTINGS, 0, 1, b""))
breaks("settings_of_a_wrong_size", "6.5", [SIZE], raw(SETTINGS, 0, 0, bytes(3)))
breaks("settings_push_of_two", "6.5.2", [PROTOCOL], raw(SETTINGS, 0, 0, struct.pack(">HI", 2, 2)))
breaks("settings_window_too_large", "6.5.2", [FLOW], raw(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)))
breaks("settings_frame_size_too_small", "6.5.2", [PROTOCOL], raw(SETTINGS, 0, 0, struct.pack(">HI", 5, 16383)))

# Flow control
breaks("window_update_of_zero", "6.9", [PROTOCOL], raw(WINDOW, 0, 0, bytes(4)))
breaks("window_update_of_zero_on_a_stream", "6.9", [PROTOCOL], open_stream, raw(WINDOW, 0, 1, bytes(4)))
breaks("window_update_of_a_wrong_size", "6.9", [SIZE], raw(WINDOW, 0, 0, bytes(3)))
breaks("window_over_its_greatest", "6.9.1", [FLOW], raw(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2)
breaks("window_of_a_stream_over_its_greatest", "6.9.1", [FLOW], open_stream, raw(WINDOW, 0, 1, b"\x7f\xff\xff\xff") * 2)
breaks("data_over_the_window", "6.9.1", [FLOW], open_stream, raw(DATA, 0, 1, bytes(16384)) * 20)

# Stream states
breaks("data_on_an_idle_stream", "5.1", [PROTOCOL, CLOSED], raw(DATA, 1, 1, b"x"))
breaks("reset_of_an_idle_stream", "5.1", [PROTOCOL], raw(RST, 0, 1, bytes(4)))
breaks("window_update_of_an_idle_stream", "5.1", [PROTOCOL], raw(WINDOW, 0, 1, b"\0\0\0\1"))
breaks("continuation_of_an_idle_stream", "6.10", [PROTOCOL], raw(CONTINUATION, 4, 1, b"\x82"))
breaks("data_after_the_end", "5.1", [CLOSED, PROTOCOL], whole_request, raw(DATA, 1, 1, b"x"))
breaks("stream_of_a_server", "5.1.1", [PROTOCOL], lambda c: c.headers(2).serialize())
breaks("stream_below_an_earlier_one", "5.1.1", [PROTOCOL, CLOSED], lambda c: c.headers(5).serialize() + c.headers(3).serialize())

# Header blocks
breaks("frame_inside_a_header_block", "6.10", [PROTOCOL], raw(HEAD, 1, 1, b"\x82"), raw(PING, 0, 0, bytes(8)))
breaks("continuation_of_another_stream", "6.10", [PROTOCOL], raw(HEAD, 1, 1, b"\x82"), raw(CONTINUATION, 4, 3, b"\x84"))
breaks("index_beyond_the_table", "RFC 7541, 2.3.3", [COMPRESSION], raw(HEAD, 5, 1, b"\xff\xff\xff\x0f"))
breaks("huffman_code_cut_off", "RFC 7541, 5.2", [COMPRESSION], raw(HEAD, 5, 1, b"\x40\x81\xff\x00"))
breaks("table_over_its_greatest", "RFC 7541, 6.3", [COMPRESSION], raw(HEAD, 5, 1, b"\x3f\xe1\xff\x03\x82"))
PLAIN = HEADERS + FIELDS
for name, section, wrong in [
    ("upper_case_name", "8.2.1", PLAIN + [("X-Upper", "x")]),
    ("connection_header", "8.2.2", PLAIN + [("connection", "keep-alive")]),
    ("te_other_than_trailers", "8.2.2", PLAIN + [("te", "gzip")]),
    ("unknown_pseudo_header", "8.3", HEADERS + [(":other", "x")] + FIELDS),
    ("pseudo_header_of_an_answer", "8.3", HEADERS + [(":status", "200")] + FIELDS),
    ("pseudo_header_after_others", "8.3", HEADERS[:2] + FIELDS + HEADERS[2:]),
    ("no_method", "8.3.1", HEADERS[1:] + FIELDS),
    ("no_scheme", "8.3.1", HEADERS[:1] + HEADERS[2:] + FIELDS),
    ("no_path", "8.3.1", HEADERS[:2] + HEADERS[3:] + FIELDS),
    ("path_twice", "8.3.1", HEADERS + HEADERS[2:3] + FIELDS),
]:
    breaks(name, section, [PROTOCOL], fields(*wrong))
breaks(
    "content_length_over_the_body",
    "8.1.1",
    [PROTOCOL],
    fields(*PLAIN, ("content-length", "99"), end=False),
    raw(DATA, 1, 1, b"token=x"),
)


@case
def wrong_preface():
    """RFC 9113 section 3.4: what is no preface is HTTP/1.1 here, and no request of that either."""
    Client(preface=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r!").ended()


@case
def unknown_frames_flags_and_settings_are_ignored():
    client = Client({0x99: 7})
    client.send(raw(0x16, 0xFF, 0, b"whatever"), raw(PING, 0x16, 0, b"12345678"), *client.request())
    client.answered()


@case
def ping_is_answered_with_its_body():
    client = Client()
    client.send(PingFrame(0, opaque_data=b"12345678"))
    for frame in client.frames():
        if isinstance(frame, PingFrame):
            assert "ACK" in frame.flags and frame.opaque_data == b"12345678"
            return
    raise AssertionError("no answer")


@case
def header_block_in_pieces_is_read():
    client = Client()
    block = client.encoder.encode(HEADERS + FIELDS)
    third = len(block) // 3
    pieces = [block[:third], block[third : 2 * third], block[2 * third :]]
    frames = [raw(HEAD, 0, 1, pieces[0])]
    frames += [raw(CONTINUATION, 0, 1, piece) for piece in pieces[1:]]
    client.send(*frames, raw(CONTINUATION, 4, 1, b""), raw(DATA, 1, 1, BODY))
    client.answered()


@case
def window_of_one_byte_is_respected():
    client = Client({4: 1})
    client.send(*client.request())
    length = 0
    for frame in client.frames():
        if isinstance(frame, DataFrame):
            assert len(frame.data) <= 1, f"{len(frame.data)} bytes at once"
            length += len(frame.data)
            if "END_STREAM" in frame.flags:
                assert length > 1
                return
            client.send(WindowUpdateFrame(1, window_increment=1))
    raise AssertionError("the connection ended")


@case
def streams_over_the_limit_are_refused():
    client = Client()
    client.send(*[client.headers(1 + 2 * number, end=False) for number in range(300)])
    refused = 0
    for frame in client.frames():
        if isinstance(frame, RstStreamFrame):
            assert frame.error_code in (REFUSED, PROTOCOL), frame.error_code
            refused += 1
            if refused == 40:
                return
        if isinstance(frame, GoAwayFrame):
            assert frame.error_code in (CALM, PROTOCOL, 0), frame.error_code
            return


def flood(client, piece, times, at_once=200):
    """Sends it again and again, without reading, while the server lets it."""
    for _ in range(times // at_once):
        try:
            client.socket.sendall(piece * at_once)
        except OSError:
            return True
        check_others()
    return False


@case
def flood_of_pings():
    flood(Client(), raw(PING, 0, 0, bytes(8)), 20_000)


@case
def flood_of_settings():
    flood(Client(), raw(SETTINGS, 0, 0, b""), 20_000)


@case
def flood_of_priorities():
    flood(Client(), raw(PRIORITY, 0, 3, struct.pack(">IB", 1, 1)), 20_000)


@case
def flood_of_empty_data():
    client = Client()
    client.send(client.headers(1, end=False))
    flood(client, raw(DATA, 0, 1, b""), 20_000)


@case
def flood_of_window_updates():
    flood(Client(), raw(WINDOW, 0, 0, b"\0\0\0\1"), 20_000)


@case
def flood_of_continuations_is_cut_off():
    """CVE-2024-27983 and its kin: a header block without an end."""
    client = Client()
    client.send(raw(HEAD, 1, 1, client.encoder.encode(HEADERS)))
    field = client.encoder.encode([("x-filler", "y" * 1000)], huffman=False)
    assert flood(client, raw(CONTINUATION, 0, 1, field * 10), 4000, 10), "40 MB of header were taken"


@case
def flood_of_empty_continuations_is_cut_off():
    client = Client()
    client.send(raw(HEAD, 1, 1, client.encoder.encode(HEADERS)))
    assert flood(client, raw(CONTINUATION, 0, 1, b""), 400_000, 1000), "endless continuations"


def is_cut_off_by_streams(client, pieces_of):
    """Sends 20,000 streams, each in these pieces, and looks whether the server ends the connection."""
    for number in range(100):
        pieces = []
        for place in range(200):
            pieces += pieces_of(1 + 2 * (number * 200 + place))
        try:
            client.socket.sendall(b"".join(pieces))
        except OSError:
            return True
        check_others()
    return False


@case
def rapid_reset_is_cut_off():
    """CVE-2023-44487: requests that are taken back at once."""
    client = Client()

    def pieces_of(stream):
        return [client.headers(stream).serialize(), raw(RST, 0, stream, struct.pack(">I", CANCEL))]

    cut_off = is_cut_off_by_streams(client, pieces_of)
    assert cut_off, "20,000 requests were taken back, and the connection goes on"


@case
def made_you_reset_is_cut_off():
    """CVE-2025-8671: requests that the server itself must reset."""
    client = Client()

    def pieces_of(stream):
        return [client.headers(stream, end=False).serialize(), raw(WINDOW, 0, stream, bytes(4))]

    cut_off = is_cut_off_by_streams(client, pieces_of)
    assert cut_off, "20,000 streams were reset, and the connection goes on"


class Polite:
    """The other caller: h2, which finds every fault of the server."""

    def __init__(self):
        self.socket = socket.create_connection((HOST, PORT), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.connection.initiate_connection()
        self.greatest = 0

    def ask(self):
        started = time.monotonic()
        connection = self.connection
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, HEADERS + FIELDS)
        connection.send_data(stream, BODY, end_stream=True)
        self.socket.sendall(connection.data_to_send())
        status = None
        while True:
            for event in connection.receive_data(self.socket.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                if isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, stream)
                if isinstance(event, h2.events.StreamEnded):
                    self.socket.sendall(connection.data_to_send())
                    assert status == b"200", f"the other caller got {status}"
                    self.greatest = max(self.greatest, time.monotonic() - started)
                    assert self.greatest < 1, f"the other caller waited {self.greatest:.3f} s"
                    return
            self.socket.sendall(connection.data_to_send())


POLITE = Polite()
check_others = POLITE.ask


def main():
    failed = 0
    for run in CASES:
        try:
            run()
            check_others()
            print(f"ok      {run.__name__}")
        except Exception as error:
            failed += 1
            print(f"FAILED  {run.__name__}: {error!r}")
    print(f"{len(CASES)} cases, {failed} failed; the other caller waited {POLITE.greatest * 1000:.1f} ms at most")
    sys.exit(1 if failed else 0)


main()
