"""Forms of the audio paths in a real Envoy: which model they name, or how they are refused."""

from collections.abc import Iterator

import openai
import pytest
from tests.envoy.client_listener import ALICE, KEYS, ClientListener, client_listener, error_of, table
from tests.envoy.envoy_process import LOOPBACK
from tests.envoy.stand_in_engine import Answer

from modelfleet.gateway.ir import Frame, Gateway

PATH = "/v1/audio/transcriptions"
LIMIT = 4 * 1024 * 1024
SOUND = b"RIFF\0\0\r\n\r\n--not-it\r\n" * 1000


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    tables = {each.name: each for each in (table("whisper"), table("secret", users=("carol",)))}
    with client_listener(Gateway(frame=Frame(max_body_bytes=LIMIT), tables=tables, keys=KEYS)) as running:
        yield running


def form(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + end


def field(name: str, value: bytes = b"whisper", more: str = "") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value


FILE = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n' + SOUND


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(form(FILE, field("model")), "multipart/form-data; boundary=b", id="behind the file"),
        pytest.param(form(field("model"), FILE), 'multipart/form-data; boundary="b"', id="before the file"),
        pytest.param(
            form(b'content-disposition: form-data; name="model"\r\n\r\nwhisper'),
            "Multipart/Form-Data;boundary=b",
            id="other letters",
        ),
        pytest.param(
            form(field("model"), field("prompt", b'--b2\r\nname="model"\r\n\r\nsecret')),
            "multipart/form-data; boundary=b",
            id="a decoy in a text",
        ),
    ],
)
def test_the_model_of_a_form_is_found(gateway: ClientListener, body: bytes, content_type: str) -> None:
    answer = gateway.post(body, path=PATH, headers={"content-type": content_type})

    assert answer.status_code == 200
    assert gateway.engine.last.headers["x-modelfleet-model"] == "whisper"
    assert gateway.engine.last.headers["x-modelfleet-body-bytes"] == str(len(body))
    assert gateway.engine.last.body == body


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "multipart/form-data; boundary=b", id="empty"),
        pytest.param(form(field("model")), "multipart/form-data", id="no boundary"),
        pytest.param(form(field("model")), "multipart/form-data; boundary=", id="an empty boundary"),
        pytest.param(form(field("model")), "multipart/form-data; boundary=b; boundary=c", id="two boundaries"),
        pytest.param(form(field("model")), "multipart/mixed; boundary=b", id="another kind of parts"),
        pytest.param(b'{"model": "whisper"}', "application/json", id="JSON"),
        pytest.param(form(FILE), "multipart/form-data; boundary=b", id="no model"),
        pytest.param(form(field("model", b"")), "multipart/form-data; boundary=b", id="an empty model"),
        pytest.param(form(field("model"), field("model", b"secret")), "multipart/form-data; boundary=b", id="twice"),
        pytest.param(
            form(field("model", more='; filename="x"')), "multipart/form-data; boundary=b", id="a file as model"
        ),
        pytest.param(form(field("model", b"x" * 2000)), "multipart/form-data; boundary=b", id="a long model"),
        pytest.param(form(field("model"), end=b""), "multipart/form-data; boundary=b", id="no end"),
        pytest.param(form(field("model"))[:-6], "multipart/form-data; boundary=b", id="cut off"),
        pytest.param(b"x" + form(field("model")), "multipart/form-data; boundary=b", id="something before"),
        pytest.param(
            form(b'Content-Disposition: form-data; name="a"; name="model"\r\n\r\nwhisper'),
            "multipart/form-data; boundary=b",
            id="two names",
        ),
        pytest.param(
            form(field("a") + b"", b'Content-Disposition: form-data; name="mod\\el"\r\n\r\nwhisper'),
            "multipart/form-data; boundary=b",
            id="a name with an escape",
        ),
        pytest.param(
            form(b"Content-Disposition: form-data; name*=utf-8''model\r\n\r\nwhisper"),
            "multipart/form-data; boundary=b",
            id="an extended name",
        ),
        pytest.param(
            form(b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"\r\n\r\nx'),
            "multipart/form-data; boundary=b",
            id="two heads in one",
        ),
        pytest.param(form(b"whisper"), "multipart/form-data; boundary=b", id="no head"),
    ],
)
def test_a_form_that_two_parsers_could_read_differently_is_refused(
    gateway: ClientListener, body: bytes, content_type: str
) -> None:
    before = len(gateway.engine.asked)
    answer = gateway.post(body, path=PATH, headers={"content-type": content_type})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "model"
    assert len(gateway.engine.asked) == before


def test_a_form_that_is_too_large_gets_413(gateway: ClientListener) -> None:
    body = form(field("model"), field("file", b"x" * LIMIT))
    answer = gateway.post(body, path=PATH, headers={"content-type": "multipart/form-data; boundary=b"})

    assert answer.status_code == 413


def test_a_form_opens_no_more_than_json_does(gateway: ClientListener) -> None:
    for name, status in (("secret", 403), ("nope", 404), ("x\r\nx-modelfleet-user: root", 404)):
        body = form(field("model", name.encode()))
        answer = gateway.post(body, path=PATH, headers={"content-type": "multipart/form-data; boundary=b"})

        assert answer.status_code == status


def test_the_official_client_sends_such_a_form(gateway: ClientListener) -> None:
    gateway.engine.answer = Answer(body=b'{"text": "hello"}')
    http = openai.DefaultHttpxClient(trust_env=False)
    client = openai.OpenAI(base_url=f"http://{LOOPBACK}:{gateway.port}/v1", api_key=ALICE, http_client=http)
    found = client.audio.transcriptions.create(model="whisper", file=("a.wav", SOUND))
    http.close()

    assert found.text == "hello"
    assert gateway.engine.last.headers["x-modelfleet-model"] == "whisper"
