"""One script of several modules of ours: the definitions that it needs, and no more, with their imports joined.

So what a person is handed to run is what the job ran, word for word, and cannot fall behind it. The modules are read,
never imported: they may need packages that only a runtime has.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import groupby

_OURS = "app."
_WIDTH = 120
_Span = tuple[int, int, int]  # line in the source, from 1; first column in bytes; that after the last
_Key = tuple[str, str]  # module, name


@dataclass(frozen=True)
class _Module:
    """A module's source: what it defines, and what the names that it imports stand for."""

    name: str
    about: str
    lines: tuple[str, ...]
    own: dict[str, ast.stmt]
    ours: dict[str, tuple[str, str | None]]  # a name: the module of ours that it is from, and its name; None: itself
    others: dict[str, str]  # a name: the import that gives it


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a script is made of: its import statements, and the definitions below them."""

    imports: str
    definitions: str


def bundle(wanted: Iterable[_Key], *, head: str) -> Bundle:
    """Return what a script needs of our modules.

    Args:
        wanted: (module, name) of each definition that the script uses.
        head: the script's own part; what it imports is joined with the rest, and its names are left to it.
    """
    own = ast.parse(head)
    needed: dict[_Key, None] = {}
    for key in wanted:
        _need(key, needed)
    modules = list(
        dict.fromkeys(each for name in dict.fromkeys(module for module, _ in needed) for each in _below(name))
    )
    order = sorted(needed, key=lambda key: (modules.index(key[0]), _read(key[0]).own[key[1]].lineno))
    names: dict[_Key, str] = {}
    taken = {name for node in own.body for name in _defined(node)}
    for module, name in order:
        names[module, name] = name if name not in taken else _apart(module, name)
        taken.add(names[module, name])
    imports = {statement for node in own.body for statement in _imports(node).values()}
    imports |= {
        _read(module).others[name]
        for module, defined in order
        for name in _names(_read(module).own[defined])
        if name in _read(module).others
    }
    rooms = ("\n\n".join(_written(list(keys), names)) for _, keys in groupby(order, key=lambda key: key[0]))
    return Bundle(_joined(imports), "\n\n".join(rooms).rstrip())


def _need(key: _Key, needed: dict[_Key, None]) -> None:
    """Add a definition of ours, and all that it uses."""
    module, name = key
    if key in needed or name not in _read(module).own:
        return
    needed[key] = None
    for used, _ in _uses(_read(module), name):
        _need(used, needed)


def _uses(module: _Module, name: str) -> Iterator[tuple[_Key, _Span]]:
    """Yield the definitions of ours that a definition uses, and where, to be written by another name."""
    nodes = list(ast.walk(module.own[name]))
    qualified = {id(node.value): node for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if not isinstance(node, ast.Name):
            continue
        outer = qualified.get(id(node))
        if node.id in module.own:
            yield (module.name, node.id), _span(node)
        elif node.id in module.ours:
            origin, inner = module.ours[node.id]
            if inner is not None:
                yield (origin, inner), _span(node)
            elif outer is not None:
                yield (origin, outer.attr), _span(outer)


def _span(node: ast.expr) -> _Span:
    return node.lineno, node.col_offset, node.end_col_offset or 0


def _written(order: Sequence[_Key], names: dict[_Key, str]) -> Iterator[str]:
    """Yield what a module is, and each definition's text with the comments above it; constants stand together."""
    yield f"# ---- {_read(order[0][0]).about}\n"
    for is_constant, keys in groupby(order, key=lambda key: isinstance(_read(key[0]).own[key[1]], _CONSTANTS)):
        texts = [_text(key, names) for key in keys]
        yield "\n".join(texts) + "\n" if is_constant else "\n\n\n".join(texts) + "\n"


_CONSTANTS = (ast.Assign, ast.AnnAssign)


def _text(key: _Key, names: dict[_Key, str]) -> str:
    module, node = _read(key[0]), _read(key[0]).own[key[1]]
    edits = [(*span, names[used]) for used, span in _uses(module, key[1]) if used in names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and names[key] != key[1]:
        begin = module.lines[node.lineno - 1].encode().index(key[1].encode())
        edits.append((node.lineno, begin, begin + len(key[1].encode()), names[key]))
    lines = [line.encode() for line in module.lines]
    for line, begin, end, name in sorted(edits, reverse=True):
        lines[line - 1] = lines[line - 1][:begin] + name.encode() + lines[line - 1][end:]
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
    while first > 1 and module.lines[first - 2].startswith("#"):
        first -= 1
    return b"\n".join(lines[first - 1 : node.end_lineno]).decode()


@cache
def _read(name: str) -> _Module:
    package, _, short = name.rpartition(".")
    source = resources.files(package).joinpath(f"{short}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    own = {defined: node for node in tree.body for defined in _defined(node)}
    ours: dict[str, tuple[str, str | None]] = {}
    others: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(_OURS):
            for alias in node.names:
                inside = resources.files(node.module).joinpath(f"{alias.name}.py") if _is_room(node.module) else None
                whole = inside is not None and inside.is_file()
                ours[alias.asname or alias.name] = (
                    (f"{node.module}.{alias.name}", None) if whole else (node.module, alias.name)
                )
        else:
            others |= _imports(node)
    about = (ast.get_docstring(tree) or name).splitlines()[0]
    return _Module(name, about, tuple(source.splitlines()), own, ours, others)


def _is_room(module: str) -> bool:
    package, _, short = module.rpartition(".")
    return not package or resources.files(package).joinpath(short).is_dir()


@cache
def _below(name: str) -> tuple[str, ...]:
    """Return the modules of ours that a module is made upon, and then itself."""
    ours = dict.fromkeys(module for module, _ in _read(name).ours.values())
    return tuple(dict.fromkeys([*(each for module in ours for each in _below(module)), name]))


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imports(node: ast.stmt) -> dict[str, str]:
    """Return the names that an import of other people's packages gives, each with a statement of its own."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0]: ast.unparse(ast.Import([alias])) for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        one = {alias.asname or alias.name: ast.ImportFrom(node.module, [alias], node.level) for alias in node.names}
        return {name: ast.unparse(each) for name, each in one.items()}
    return {}


def _names(node: ast.stmt) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _apart(module: str, name: str) -> str:
    """Return another name for a definition whose own is taken."""
    short = module.rpartition(".")[2]
    if name.startswith("_"):
        return f"_{short}{name}"
    return f"{short.title().replace('_', '')}{name}" if name[0].isupper() else f"{short}_{name}"


def _joined(statements: Iterable[str]) -> str:
    """Return import statements sorted as is usual, those from one module in one."""
    whole = {each for each in statements if each.startswith("import ")}
    parts: dict[str, list[str]] = {}
    for each in sorted(set(statements) - whole):
        module, _, name = each.removeprefix("from ").partition(" import ")
        parts.setdefault(module, []).append(name)
    found = [*sorted(whole), *(_from(module, names) for module, names in parts.items())]
    groups = {
        own: [each for each in found if (_package(each) in sys.stdlib_module_names) is own] for own in (True, False)
    }
    return "\n\n".join("\n".join(group) for group in groups.values() if group)


def _from(module: str, names: Sequence[str]) -> str:
    one = f"from {module} import {', '.join(names)}"
    return one if len(one) <= _WIDTH else f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)"


def _package(statement: str) -> str:
    return statement.split()[1].partition(".")[0]
