"""OpenAI's streaming wire: what is written comes back, however it is cut; what servers send is read, or refused."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit import openai_stream
from app.kit.openai_stream import (
    DONE,
    ChunkWriter,
    CutShort,
    Delta,
    Malformed,
    ReportedError,
    StreamError,
    TooLong,
    error_event,
    event,
    read,
    usage,
)

WRITER = ChunkWriter("chatcmpl-1", 1_780_000_000, "triage")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
COUNTS = st.none() | st.integers(0, 10**9)


def chunk(**fields: object) -> bytes:
    return event({"choices": [{"index": 0, **fields}]})


END = chunk(delta={}, finish_reason="stop")


def test_calls_of_tools_come_whole_with_the_end() -> None:
    """As OpenAI sends them: the first piece names the function, the next ones go on with its arguments."""

    def piece(index: int, more: dict[str, object], **head: object) -> bytes:
        return chunk(delta={"tool_calls": [{"index": index, "function": more, **head}]})

    pieces = [
        chunk(delta={"role": "assistant", "content": None}),
        piece(0, {"name": "weather", "arguments": ""}, id="call_a", type="function"),
        piece(0, {"arguments": '{"city": '}),
        piece(1, {"name": "now", "arguments": "{}"}, id="call_b", type="function"),
        piece(0, {"arguments": '"Bonn"}'}),
        chunk(delta={}, finish_reason="tool_calls"),
        DONE,
    ]
    (last,) = read(pieces)
    assert last.finish_reason == "tool_calls"
    assert list(last.tool_calls) == [
        {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}},
        {"id": "call_b", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    for wrong in ([1], [{"function": "f"}], [{"index": "0"}], {"index": 0}):
        with pytest.raises(Malformed):
            list(read([chunk(delta={"tool_calls": wrong}), END]))


@st.composite
def cut(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """The bytes, cut anywhere."""
    ends = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[begin:end] for begin, end in zip([0, *ends], [*ends, len(whole)], strict=True)]


@given(
    texts=st.lists(TEXTS),
    reason=TEXTS,
    counts=st.tuples(COUNTS, COUNTS),
    apart=st.booleans(),
    done=st.sampled_from([DONE, DONE.rstrip(), b"", DONE + b"data: what follows is nobody's\n\n"]),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    between=st.sampled_from([b"", b": keep-alive\n\n", b":\n", b"event: message\nid: 7\nretry: 10\n", b"\n\n"]),
    data=st.data(),
)
def test_what_is_written_is_read_however_it_is_cut(
    texts: list[str],
    reason: str,
    counts: tuple[int | None, int | None],
    apart: bool,
    done: bytes,
    line_end: bytes,
    between: bytes,
    data: st.DataObject,
) -> None:
    counted = usage(*counts)
    events = [WRITER.chunk({"role": "assistant", "content": ""}), *(WRITER.chunk({"content": text}) for text in texts)]
    if apart:
        events += [WRITER.chunk({}, finish_reason=reason), WRITER.chunk(usage=counted)]
    else:
        events += [WRITER.chunk({}, finish_reason=reason, usage=counted)]
    whole = between.join([b"", *events, done]).replace(b"\n", line_end)
    last = Delta(finish_reason=reason, prompt_tokens=counts[0], completion_tokens=counts[1])
    assert list(read(data.draw(cut(whole)))) == [*(Delta(text=text) for text in texts), last]


@given(st.data())
def test_a_stream_that_is_cut_ends_in_a_sentence_and_loses_no_text(data: st.DataObject) -> None:
    texts = ["Wo ist ", "mein Päckchen", "?"]
    answer = b"".join(WRITER.chunk({"content": text}) for text in texts)
    whole = answer + WRITER.chunk({}, finish_reason="stop") + DONE
    size = data.draw(st.integers(0, len(answer)))
    found: list[str] = []

    def collect() -> None:
        found.extend(delta.text for delta in read(data.draw(cut(whole[:size]))))

    with pytest.raises(CutShort, match="broke off"):
        collect()
    ends = [len(b"".join(WRITER.chunk({"content": text}) for text in texts[:number])) for number in (1, 2, 3)]
    whole_events = sum(size >= end - len(b"\n\n") for end in ends)
    assert found == texts[:whole_events]


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_come_to_a_clear_end(pieces: list[bytes]) -> None:
    with pytest.raises(StreamError) as refused:
        list(read(pieces))
    assert str(refused.value).endswith(".")
    assert refused.value.remedy.endswith(".")


SERVERS = {
    "Azure: its filter's results come first, without a choice": (
        event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": None})
        + chunk(delta={"role": "assistant", "content": None}, finish_reason=None, content_filter_results={})
        + chunk(delta={"content": "yes"}, finish_reason=None)
        + END
        + event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
        + DONE,
        (3, 1),
    ),
    "a gateway: comments, and an end without a mark": (
        b": ping\n\n" + chunk(delta={"content": "yes"}) + b": ping\n\n: ping\n\n" + END,
        (None, None),
    ),
    "one event on several lines, no blank after the colon": (
        b'data:{"choices": [{"delta":\ndata: {"content": "yes"},\ndata:"finish_reason": "stop"}]}\n\ndata:[DONE]\n\n',
        (None, None),
    ),
    "a byte order mark first, the last line's end missing": (
        b"\xef\xbb\xbf" + chunk(delta={"content": "yes"}) + END.rstrip(),
        (None, None),
    ),
    "counts of another type, and an error that is none": (
        chunk(delta={"content": "yes"}) + event({"choices": None, "error": None}) + END
        + event({"usage": {"prompt_tokens": "3", "completion_tokens": True}}) + DONE,
        (None, None),
    ),
    "fields without data": (
        b"id: 1\n\nevent: message\n\n" + chunk(delta={"content": "yes"}) + END + DONE,
        (None, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stream", "counts"), SERVERS.values(), ids=SERVERS.keys())
def test_what_real_servers_send_is_read(stream: bytes, counts: tuple[int | None, int | None]) -> None:
    last = Delta(finish_reason="stop", prompt_tokens=counts[0], completion_tokens=counts[1])
    assert list(read([stream])) == [Delta(text="yes"), last]
    assert list(read(bytes([each]) for each in stream)) == [Delta(text="yes"), last]


REFUSED = {
    "nothing": (b"", CutShort, "broke off"),
    "an end without a reason": (chunk(delta={"content": "yes"}) + DONE, CutShort, "broke off"),
    "no JSON": (b'data: {"choices": [}\n\n' + END, Malformed, "not JSON"),
    "no UTF-8": (b'data: {"choices": ["\xff"]}\n\n' + END, Malformed, "not JSON"),
    "too deep": (b"data: " + b"[" * 200_000 + b"\n\n", Malformed, "not JSON"),
    "a number": (b"data: 7\n\n" + END, Malformed, "no object"),
    "choices of another type": (event({"choices": {"0": {}}}) + END, Malformed, "choices"),
    "a choice of another type": (event({"choices": ["yes"]}) + END, Malformed, "delta"),
    "a text of another type": (chunk(delta={"content": ["yes"]}) + END, Malformed, "content"),
    "a reason of another type": (chunk(delta={}, finish_reason=7), Malformed, "finish_reason"),
    "a line without an end": (b"data: " + b"x" * openai_stream.LONGEST_EVENT, TooLong, "far too long"),
    "an event without an end": (b"data: 0123456789\n" * (openai_stream.LONGEST_EVENT // 10), TooLong, "far too long"),
    "a page": (b"<html>\n<p>Bad gateway\n\n</html>\n", CutShort, "broke off"),
}


@pytest.mark.parametrize(("stream", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_answer_is_refused(stream: bytes, kind: type[StreamError], said: str) -> None:
    with pytest.raises(kind, match=said):
        list(read([stream]))


def test_a_stream_without_an_end_is_left() -> None:
    comment = b":" + b" " * 999_998 + b"\n"
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(comment)
            yield comment

    with pytest.raises(TooLong):
        list(read(endless()))
    assert sent <= openai_stream.LONGEST_STREAM + len(comment)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (
            error_event("It broke.", "server_error", code="oom"),
            {"message": "It broke.", "type": "server_error", "code": "oom"},
        ),
        (event({"error": "It broke."}), {"message": "It broke.", "error": "It broke."}),
        (b'event: error\ndata: {"message": "It broke.", "code": 429}\n\n', {"message": "It broke.", "code": 429}),
    ],
)
def test_an_error_in_the_stream_is_passed_on_as_it_came(stream: bytes, error: dict[str, object]) -> None:
    answer = read([chunk(delta={"content": "par"}), stream, END, DONE])
    assert next(answer).text == "par"
    with pytest.raises(ReportedError, match="It broke") as raised:
        next(answer)
    assert raised.value.error == error


def test_an_error_without_words_gets_some() -> None:
    with pytest.raises(ReportedError, match="without saying which"):
        list(read([event({"error": {}})]))


def test_half_a_character_becomes_a_mark() -> None:
    stream = json.dumps({"choices": [{"delta": {"content": "\ud83d?"}, "finish_reason": "stop"}]})
    assert [delta.text for delta in read([f"data: {stream}\n\n".encode()])] == ["\N{REPLACEMENT CHARACTER}?", ""]
    assert next(read([WRITER.chunk({"content": "\udc80"}), END])).text == "\N{REPLACEMENT CHARACTER}"
