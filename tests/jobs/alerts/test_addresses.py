"""Which addresses a webhook may have: public ones over https, and this machine where a sandbox is allowed."""

import pytest

from core.refusals import Refusal
from jobs.alerts.addresses import check_ip, check_url, shown


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a web address"), ("alerts.example.com", "not a web address"), ("https://", "not a web address"),
        ("https://[::1", "not a web address"), ("https://a.example:99999/", "not a web address"),
        ("https://a.example/\r\nHost: b", "not a web address"), ("https://a.example/ b", "not a web address"),
        ("https://a.example\\@b.example/", "not a web address"), ("https://bücher.example/", "not a web address"),
        ("https://a.example/\x00", "not a web address"), ("https://a.example:0/", "not a web address"),
        ("https://me:word@a.example/", "must not contain a user name"), ("https://a.example/#b", "must not contain"),
        ("http://a.example/", "over https only"), ("ftp://a.example/", "over https only"),
        ("file://a.example/etc/passwd", "over https only"), ("https://127.0.0.1/", "this machine itself"),
        ("https://localhost/", "this machine itself"), ("http://[::1]/", "this machine itself"),
        ("https://10.0.0.1/", "private network"), ("https://169.254.169.254/latest/", "private network"),
        ("https://[fd00::1]/", "private network"), ("https://[::ffff:10.0.0.1]/", "private network"),
        ("https://a.example/" + "x" * 500, "longer than 500"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_in_a_sentence(url: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as refused:
        check_url(url, loopback_allowed=False)
    assert refused.value.fix and refused.value.field == "address"


def test_public_addresses_are_taken_and_this_machine_where_it_is_allowed() -> None:
    assert check_url(" https://a.example:8443/x?y=z ", loopback_allowed=False) == "https://a.example:8443/x?y=z"
    assert check_url("http://127.0.0.1:9000/", loopback_allowed=True)
    with pytest.raises(Refusal, match="https only"):
        check_url("http://a.example/", loopback_allowed=True)


@pytest.mark.parametrize(
    "ip",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
        "127.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:192.168.1.1", "64:ff9b::a00:1",
        "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "255.255.255.255",
    ],
)  # fmt: skip
def test_no_private_address_is_connected_to(ip: str) -> None:
    with pytest.raises(Refusal, match="private network"):
        check_ip(ip, loopback_allowed=False)


def test_public_addresses_are_connected_to() -> None:
    for ip in ("93.184.216.34", "2606:4700::1111"):
        check_ip(ip, loopback_allowed=False)
    check_ip("127.0.0.1", loopback_allowed=True)
    with pytest.raises(Refusal):
        check_ip("10.0.0.1", loopback_allowed=True)


def test_people_read_where_it_goes_but_not_what_is_as_good_as_a_password() -> None:
    assert shown("https://hooks.example.com/services/T0/B0/secret?x=1") == "https://hooks.example.com/…"
    assert shown("https://hooks.example.com/") == "https://hooks.example.com"
