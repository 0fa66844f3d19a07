"""The texts under the fields of answers, read from the source only when somebody asks for the description.

Pydantic's own way reads them whenever a class is made, which takes longer than all the rest of starting the pages.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import cleandoc, getsource


def texts_of(kind: type) -> Mapping[str, str]:
    """Return the text under each field of the class and of those it is made from."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith("haulout."):
            found |= _texts(one.__module__).get(one.__name__, {})
    return found


@cache
def _texts(module: str) -> Mapping[str, Mapping[str, str]]:
    classes = ast.parse(getsource(sys.modules[module])).body
    return {one.name: dict(_under_fields(one)) for one in classes if isinstance(one, ast.ClassDef)}


def _under_fields(of: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in zip(of.body, of.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, cleandoc(words)
