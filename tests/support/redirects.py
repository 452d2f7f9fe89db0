"""Addresses that a form might be asked to lead on to, none of which is one of this site."""

ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil.example/%2f..", "/\\evil.example", "\\\\evil.example",
    "\\/evil.example", "/\\/evil.example", "https://evil.example", "http:evil.example", "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x", "vbscript:x", " //evil.example", "\t//evil.example", "/\t/evil.example", "/\n/evil.example",
    "/\r/evil.example", "\x00//evil.example", "/\x0b/evil.example", "evil.example", "", "?next=//evil.example",
    "/jobs\r\nlocation: https://evil.example", "@evil.example", "/ /evil.example", "#//evil.example", "ftp://evil.example",
]  # fmt: skip
