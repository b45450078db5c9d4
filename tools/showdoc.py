"""How the docs show a function or class: its call, what it does, and its parameters as a table. Named by `renderer` in settings.ini.

Quarto's page runs the cells of a notebook in a shell of its own, where the comments of a class cannot be read any more.
So an entry describes the object of the installed package that has the same name."""
import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, reduce
from importlib import import_module
from textwrap import fill
from types import UnionType
from typing import Union, get_args, get_origin

from fastcore.docments import docments
from nbdev.showdoc import BasicMarkdownRenderer

EMPTY = inspect.Parameter.empty


def function(sym):
    "A property is described by its function, and a decorated function by what it wraps"
    return inspect.unwrap(getattr(sym, 'fget', None) or getattr(sym, 'func', None) or sym)


def installed(sym):
    "The object of the installed package that `sym` is a copy of, or `sym` itself; where two modules use one name, the docstring tells them apart"
    symbols, name = import_module('invnb._modidx').d['syms'], sym.__qualname__
    found = [function(reduce(getattr, name.split('.'), import_module(module))) for module, names in symbols.items() if f'{module}.{name}' in names]
    return next((known for known in found if known.__doc__ == sym.__doc__), sym)


def written(annotation):
    "A type as the source has it, `Tensor | None`: with what it holds, and without the modules of its names"
    if annotation is EMPTY or annotation is None: return ''
    if get_origin(annotation) in (Union, UnionType): return ' | '.join(written(part) or 'None' for part in get_args(annotation))
    if annotation is type(None): return 'None'
    text = annotation.__name__ if inspect.isclass(annotation) and not hasattr(annotation, '__args__') else inspect.formatannotation(annotation).strip("'")
    return re.sub(r'\b[A-Za-z_][\w.]*\.(\w+)', r'\1', text)


def default(sym, name, value):
    "A default as a reader would write it: a factory by what it makes"
    made = {field.name: field.default_factory for field in fields(sym)}.get(name, MISSING) if is_dataclass(sym) else MISSING
    if made is not MISSING: value = made()
    text = re.sub(r'<(?:function|class) \'?(?:[\w.]*\.)?([\w<>]+)\'?.*?>', r'\1', repr(value))
    if is_dataclass(value) and not isinstance(value, type): text = f'{type(value).__name__}()' if value == type(value)() else text
    return text if len(text) <= 40 else f'{text[:37]}...'


def explained(sym):
    "What `docments` knows of each parameter; of a dataclass, with the fields that it inherits"
    if not is_dataclass(sym): return docments(sym, full=True, returns=True)
    about = {}
    for base in reversed(sym.__mro__):
        for name, facts in (docments(base, full=True) if is_dataclass(base) else {}).items():
            if name in getattr(base, '__annotations__', {}): about[name] = facts
    return about


def is_foreign(sym):
    "Does a class take its parameters from a library? Then the library explains them"
    if not inspect.isclass(sym) or is_dataclass(sym): return False
    maker = next((base for base in sym.__mro__ if '__init__' in vars(base)), object)
    return not maker.__module__.startswith('invnb.')


def comment(sym, name):
    "The comment behind a parameter with a star, which `docments` passes over"
    found = re.search(rf'{re.escape(name)}\b[^#\n]*#\s*(.*)', inspect.getsource(sym))
    return found and found[1]


@cache                                                   # IPython and nbdev each ask for an entry
def parameters(sym):
    "Rows of the table: name, type, default or EMPTY, what it means; the last one, without a name, is the result"
    try: signature = inspect.signature(sym)
    except (TypeError, ValueError): return []
    if is_foreign(sym): return []
    about = explained(sym)
    rows = []
    for name, parameter in signature.parameters.items():
        if name == 'self': continue
        known = about.get(name, {})
        star = {inspect.Parameter.VAR_POSITIONAL: '*', inspect.Parameter.VAR_KEYWORD: '**'}.get(parameter.kind, '')
        value = EMPTY if parameter.default is EMPTY else default(sym, name, parameter.default)
        meaning = known.get('docment') or (star and comment(sym, star + name))
        rows.append((star + name, written(known.get('anno', parameter.annotation)), value, meaning or ''))
    result = about.get('return', {})
    kind = '' if inspect.isclass(sym) else written(result.get('anno', EMPTY))
    if result.get('docment') or kind not in ('', 'None'): rows.append(('', kind, EMPTY, result.get('docment') or ''))
    return rows


def call(name, rows):
    "How it is called, in lines that fit the page"
    words = [f'{parameter}' if value is EMPTY else f'{parameter}={value}' for parameter, _, value, _ in rows if parameter]
    line = f"{name}({', '.join(words)})"
    return line if len(line) <= 88 else fill(line, 88, subsequent_indent=' '*(len(name) + 1), break_long_words=False, break_on_hyphens=False)


def cell(text):
    "Text that cannot end its cell or begin italics"
    text = re.sub(r'(?<!\\)\|', r'\\|', ' '.join(text.split()))
    return text if '`' in text else re.sub(r'(?<!\\)\*', r'\\*', text)


class TblRenderer(BasicMarkdownRenderer):
    def __init__(self, sym, name=None, title_level=3):
        self.known = installed(function(sym))
        super().__init__(self.known, name or self.known.__qualname__, title_level)
        self.fn = self.nm                                 # nbdev finds the line of the source by the bare name

    def _repr_markdown_(self):
        rows = parameters(self.known)
        head = super()._repr_markdown_().split('```python')[0].rstrip()       # the rule, the link to the source, the name
        table = ['| | type | default | |', '|---|---|---|---|'] if any(row[2] is not EMPTY for row in rows) else ['| | type | |', '|---|---|---|']
        for parameter, kind, value, meaning in rows:
            name = f'`{parameter}`' if parameter.startswith('*') else parameter or '*returns*'
            defaults = [] if len(table[0].split('|')) == 5 else ['' if value is EMPTY else cell(value)]
            table.append(f"| {' | '.join([name, cell(kind), *defaults, cell(meaning)])} |")
        docs = inspect.getdoc(self.known) or ''
        said = f'*{docs}*' if docs and '\n' not in docs and '*' not in docs else docs
        return '\n\n'.join(filter(None, [head, f"```python\n{call(self.nm, rows)}\n```", said, '\n'.join(table) if rows else '']))
