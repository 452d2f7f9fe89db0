"""What must hold for every template: it compiles, all it says goes through gettext, and it obeys the strict policy."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from bs4 import BeautifulSoup, Comment, Doctype
from jinja2 import nodes

from app.web.templating import Templates
from tests.architecture.tree import for_each

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "templates"
NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.html"))
# Texts that are the same in every language.
UNTRANSLATED = {"TuneDesk", "B", "kB", "MB"}
SPOKEN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")
HTMX_2 = re.compile(
    r"hx-(ext|vars|params|request|disinherit|prompt|disabled-elt|history-elt|sse=)|sse-(connect|swap|close)|ws-connect"
)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(FOLDER, ROOT / "static")


def source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def markup(name: str) -> BeautifulSoup:
    """The template as HTML with its Jinja parts taken out, so that only what is written bare remains."""
    bare = re.sub(r"\{#.*?#\}", "", source(name), flags=re.DOTALL)
    bare = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", "", bare, flags=re.DOTALL)
    bare = re.sub(r"\{\{.*?\}\}", "", bare, flags=re.DOTALL)
    bare = re.sub(r"\{%.*?%\}", "", bare, flags=re.DOTALL)
    return BeautifulSoup(bare, "html.parser")


def bare_texts(soup: BeautifulSoup) -> list[str]:
    found = [
        text.strip()
        for text in soup.find_all(string=True)
        if not isinstance(text, Comment | Doctype)
        and text.parent is not None
        and text.parent.name not in {"script", "style", "code"}
    ]
    found += [str(tag[name]) for tag in soup.find_all(True) for name in SPOKEN_ATTRIBUTES if tag.get(name)]
    return [text for text in found if re.search(r"[^\W\d_]{2,}", text) and text not in UNTRANSLATED]


@for_each(NAMES)
def test_compiles(templates: Templates, name: str) -> None:
    templates.environment.get_template(name)


@for_each(NAMES)
def test_every_visible_text_goes_through_gettext(name: str) -> None:
    assert bare_texts(markup(name)) == []


def test_the_check_for_bare_text_finds_one() -> None:
    soup = BeautifulSoup('<p>Hello</p><a title="Go there">·</a>', "html.parser")
    assert bare_texts(soup) == ["Hello", "Go there"]


@for_each(NAMES)
def test_nothing_that_the_content_security_policy_refuses(name: str) -> None:
    soup = markup(name)
    for tag in soup.find_all(True):
        handlers = [attribute for attribute in tag.attrs if attribute.startswith(("on", "hx-on", "data-hx-on"))]
        assert not handlers, f"{tag.name} has {handlers}: listen in static/js instead"
        assert "style" not in tag.attrs, f"{tag.name} has an inline style"
        assert tag.name != "style"
        assert tag.name != "script" or tag.get("src") is not None, "an inline script"
        trigger = str(tag.get("hx-trigger", ""))
        assert "[" not in trigger, f"{trigger} filters by a JavaScript expression"
        assert not any("js:" in str(value) for key, value in tag.attrs.items() if key.startswith("hx-"))


@for_each(NAMES)
def test_speaks_htmx_4(name: str) -> None:
    assert not HTMX_2.search(source(name)), "a name of htmx 2"


@for_each(NAMES)
def test_never_marks_a_value_as_safe(templates: Templates, name: str) -> None:
    tree = templates.environment.parse(source(name))
    assert not [node for node in tree.find_all(nodes.Filter) if node.name in {"safe", "forceescape"}]


@for_each([name for name in NAMES if "/_" not in f"/{name}" and not name.startswith("components/")])
def test_every_page_extends_the_frame_and_has_a_title(name: str) -> None:
    if name == "base.html":
        assert "<title>" in source(name)
        return
    frame = "entry/_door.html" if name.startswith("entry/") else "base.html"  # in front of the door there is no frame
    assert f'{{% extends "{frame}" %}}' in source(name)
    assert "{% block title %}" in source(name)


@for_each(NAMES)
def test_every_static_file_it_names_exists(name: str) -> None:
    text = source(name)
    paths = re.findall(r"asset\(['\"]([^'\"~]+)['\"]\)", text)
    # static/vendor/ is brought by the set-up and is not in the repository.
    assert [path for path in paths if not path.startswith("vendor/") and not (ROOT / "static" / path).is_file()] == []
    known = set(re.findall(r'symbol id="([a-z]+)"', (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")))
    assert [icon for icon in re.findall(r"ui\.icon\(['\"]([a-z]+)['\"]", text) if icon not in known] == []
    assert [icon for icon in re.findall(r"icon=['\"]([a-z]+)['\"]", text) if icon not in known] == []


def test_every_component_is_on_the_style_guide_or_inside_one_that_is(templates: Templates) -> None:
    ui = vars(templates.environment.globals["ui"])
    shown = set(re.findall(r"ui\.([a-z_]+)\(", source("patterns.html")))
    inner = "".join(source(name) for name in NAMES if name.startswith("components/"))
    used_inside = set(re.findall(r"(?:ui\.|\{\{ |call )([a-z_]+)\(", inner))
    assert {name for name in ui if callable(ui[name])} - shown - used_inside - {"flash", "status_word"} == set()


def test_messages_are_extracted_from_pages_and_code() -> None:
    method_map = [("templates/**.html", "jinja2"), ("app/**.py", "python")]
    options = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}}
    messages = {
        message[2] if isinstance(message[2], str) else message[2][0]
        for message in extract_from_dir(
            ROOT,
            method_map,
            options,
            # Everything else in the checkout is none of ours to read.
            directory_filter=lambda path: bool(set(Path(path).relative_to(ROOT).parts[:1]) & {"templates", "app"}),
        )
    }
    assert {"Overview", "Playground", "Skip to the page's content", "no price known"} <= messages


@for_each(NAMES)
def test_a_page_loads_itself_again_only_where_there_are_no_scripts(name: str) -> None:
    """With scripts a page that was come to by a press has the earlier one's head: it would stand still."""
    bare = re.sub(r"<noscript>.*?</noscript>", "", source(name), flags=re.DOTALL)
    assert 'http-equiv="refresh"' not in bare
