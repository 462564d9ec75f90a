"""Forms with files: bytes come through as they are, whatever stands in them."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.mock_server.files.multipart import fields

LABEL = "multipart/form-data; boundary=b"


def sent(files, data=None):
    request = httpx.Request("POST", "http://mock", files=files, data=data or {})
    return fields(request.headers["content-type"], request.read())


@given(st.binary(max_size=300))
def test_bytes_come_through(data):
    (field,) = sent({"file": ("a.bin", data)})
    assert (field.name, field.data, field.filename) == ("file", data, "a.bin")


@given(st.text(st.characters(exclude_categories=("C",), exclude_characters="\\%"), min_size=1, max_size=20))
def test_names_come_through(name):
    (field,) = sent({"file": (name, b"x")})
    assert field.filename == name


def test_fields_and_files_side_by_side():
    found = sent({"file": ("a.png", b"1\r\n2")}, {"purpose": "user_data", "expires_after[seconds]": "3600"})
    assert {each.name: (each.data, each.filename) for each in found} == {
        "purpose": (b"user_data", None),
        "expires_after[seconds]": (b"3600", None),
        "file": (b"1\r\n2", "a.png"),
    }


def test_a_name_in_the_form_of_rfc_5987():
    body = b"--b\r\ncontent-disposition: form-data; name=file; filename*=UTF-8''%C3%A4.png\r\n\r\nx\r\n--b--\r\n"
    assert fields(LABEL, body)[0].filename == "ä.png"


BROKEN = {
    "another type": ("application/json", b"{}"),
    "no boundary": ("multipart/form-data", b"--b--"),
    "nothing": (LABEL, b""),
    "no end": (LABEL, b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx'),
    "no name": (LABEL, b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--"),
    "no blank line": (LABEL, b'--b\r\ncontent-disposition: form-data; name="a"\r\nx\r\n--b--'),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_form(case):
    with pytest.raises(ValueError, match=r"form|content type"):
        fields(*BROKEN[case])


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused_in_words(body):
    said = ""
    try:
        fields(LABEL, b"--b\r\n" + body + b"\r\n--b--")
    except ValueError as error:
        said = str(error)
    assert said in ("", "a part of the form has no name")
