"""What a reader of the site sees, as far as it can be seen without Quarto: in the notebooks, and in what nbdev makes of them.

nbdev's own processing gives the pages in `_proc`: the names of their files, their words, and an entry for each function and class."""
import inspect
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from filelock import FileLock
from test_package import bash, pages
from tools.readme import llms

import invnb.all

SITE = 'https://invnb.github.io/invnb/'
WIDEST = 95        # letters of printed text that fit beside the margins of a page on a screen of 1400 px
LONGEST = 100      # letters of a line of code in a notebook


@cache
def cells(path): return [dict(cell, source=''.join(cell['source'])) for cell in json.loads(path.read_text(encoding='utf-8'))['cells']]
def prose(path): return [cell['source'] for cell in cells(path) if cell['cell_type'] == 'markdown']
def code(path): return [cell['source'] for cell in cells(path) if cell['cell_type'] == 'code']
def shown(output): return ''.join(output.get('text', [])) or ''.join(output.get('data', {}).get('text/markdown', output.get('data', {}).get('text/plain', [])))


@pytest.fixture(scope='session')
def site(tmp_path_factory, worker_id):
    "The processed pages by their place, made once for all workers"
    home = tmp_path_factory.getbasetemp() if worker_id == 'master' else tmp_path_factory.getbasetemp().parent
    folder = home/'site'
    with FileLock(home/'site.lock'):
        if not (folder/'_proc').exists():
            folder.mkdir()
            bash(f'git ls-files -co --exclude-standard -z 2>/dev/null | tar cf - --null --ignore-failed-read -T - | tar xf - -C {folder}' if (ROOT/'.git').exists() else f'cp -r . {folder}', ROOT)
            (folder/'make.py').write_text("from nbdev.serve import proc_nbs\nif __name__ == '__main__': proc_nbs(n_workers=1)\n")
            (folder/'said').write_text(bash('python make.py', folder))
    return folder


def processed(site): return {path.relative_to(site/'_proc').with_suffix('').as_posix(): path for path in sorted((site/'_proc').rglob('*.ipynb'))}
def front(path): return yaml.safe_load(next(cell['source'] for cell in cells(path) if cell['cell_type'] == 'raw').strip().strip('-'))
def address(name, path): return (Path(name).parent/front(path)['output-file']).as_posix()


def said(path):
    "All Markdown of a processed page, entries included"
    entries = [shown(output) for cell in cells(path) if cell['cell_type'] == 'code' and 'show_doc(' in cell['source'] for output in cell['outputs']]
    return [*prose(path), *entries]


def anchors(path):
    "The places of a page that a link may lead to, named as Quarto names them"
    headings = [line for text in said(path) for line in re.sub(r'```.*?```', '', text, flags=re.DOTALL).splitlines() if re.match('#{1,5} ', line)]
    named = [re.sub(r'[^\w\s.-]', '', re.sub(r'\{[^}]*\}|\]\([^)]*\)', '', heading).lstrip('#')).strip().lower() for heading in headings]
    return {re.sub(r'\s+', '-', name) for name in named} | set(re.findall(r'(?<=\{#)[\w.-]+|(?<=<a id=")[\w.-]+', '\n'.join(said(path))))


def words(texts):
    "The words of some Markdown, without the addresses of links"
    return Counter(re.findall(r'[^\W\d_]{2,}', re.sub(r'\]\([^)]*\)|<!--.*?-->', ' ', '\n'.join(texts), flags=re.DOTALL)))


def test_no_word_is_lost(site):
    "nbdev takes the first cell for the title and the description, and drops what else stands there"
    lost = {}
    for name, path in processed(site).items():
        source = ROOT/'nbs'/f'{name}.ipynb'
        head = front(path)
        missing = words(prose(source)) - words([*prose(path), head['title'], head.get('description', '')])
        if missing: lost[name] = sum(missing.values())
    assert lost == {}, 'words of the prose that the page has not: the first cell may hold a title and a description, nothing else'


@pytest.mark.parametrize('path', pages())
def test_first_cell(path):
    lines = [line for line in prose(path)[0].splitlines() if line.strip()]
    assert [line[:2] for line in lines] == ['# ', '> '], 'expected # title, then one line > description'


def test_docs_can_be_made(site):
    "All of the docs build that does not need Quarto: cells with imports run, and no page is missing"
    assert 'Found cells containing imports and other code' not in (site/'said').read_text()
    assert sorted(processed(site)) == sorted(page.values[0].relative_to(ROOT/'nbs').with_suffix('').as_posix() for page in pages())


def test_llms_txt_leads_to_the_pages_that_there_are(site):
    listed = re.findall(r'\]\((https?:[^)]*)\)', llms())
    assert sorted(listed) == sorted(SITE + address(name, path) for name, path in processed(site).items())


def test_links_and_anchors(site):
    "Links between pages, those that nbdev makes of backticked names included, lead to a page and to a place on it"
    there = {address(name, path): anchors(path) for name, path in processed(site).items()}
    dead = []
    for name, path in processed(site).items():
        own = address(name, path)
        for link in re.findall(r'\]\(([^)\s]+)\)', re.sub(r'```.*?```', '', '\n'.join(said(path)), flags=re.DOTALL)):
            page, _, anchor = link.partition('#')
            if page.startswith(SITE): page = page.removeprefix(SITE)
            elif re.match('[a-z]+:', page): continue
            elif page.endswith('.ipynb'):
                place = (ROOT/'nbs'/name).parent.joinpath(page).resolve().relative_to(ROOT/'nbs').with_suffix('').as_posix()
                page = address(place, processed(site)[place]) if place in processed(site) else place
            elif page: continue                                                      # pictures: test_package
            if page and page not in there or anchor and anchor not in there.get(page or own, ()): dead.append(f'{name}: {link}')
    assert dead == []


def test_links_are_not_around_code():
    "nbdev links names in backticks itself: a link around them is written beside them"
    around = [f'{path.name}: {link}' for path in sorted((ROOT/'nbs').rglob('*.ipynb')) for cell in cells(path) if cell['cell_type'] == 'markdown'
              for link in re.findall(r'\[`[^`]*`\]\([^)]*\)', ''.join(cell['source']))]
    assert around == []


def test_no_raw_markdown(site):
    "A link around a name that nbdev links too, and a link inside a block of code, are shown as they are written"
    raw = [f'{name}: {found}' for name, path in processed(site).items() for text in said(path)
           for found in re.findall(r'\[[^][]*\[`[^`]*`\]\([^)]*\)[^][]*\]\([^)]*\)', text) + [link for block in re.findall(r'```python.*?```', text, re.DOTALL) for link in re.findall(r'\]\(http[^)]*\)', block)]]
    assert raw == []


def broken_rows(text):
    "Rows of Markdown tables with another number of cells than the head, or a star that would begin italics"
    for table in re.findall(r'(?:^\|.*\|[ \t]*\n?)+', re.sub(r'```.*?```', '', text, flags=re.DOTALL), re.MULTILINE):
        rows = table.strip().splitlines()
        count = [len(re.findall(r'(?<!\\)\|', row)) for row in rows]
        plain = [re.sub(r'`[^`]*`|\$[^$]*\$|\*\*?(?=\S)[^*]*(?<=\S)\*\*?', '', row) for row in rows]
        yield from (row for row, bars, rest in zip(rows, count, plain) if bars != count[0] or re.search(r'(?<!\\)\*', rest))


@pytest.mark.parametrize('path', pages())
def test_tables(path):
    "Each row has the cells of the head; a bar or a star in a cell is escaped"
    assert [row for text in prose(path) for row in broken_rows(text)] == []


def entries(site):
    "Name and Markdown of each entry of the docs"
    for name, path in processed(site).items():
        for cell in cells(path):
            if cell['cell_type'] != 'code' or 'show_doc(' not in cell['source']: continue
            for output in cell['outputs']:
                if heading := re.search(r'^#+ (.+)$', shown(output), re.MULTILINE): yield f'{name}: {heading[1]}', shown(output)


def test_tables_of_entries(site): assert [f'{name}: {row}' for name, text in entries(site) for row in broken_rows(text)] == []


def test_every_parameter_is_explained(site):
    bare = []
    for name, text in entries(site):
        rows = re.findall(r'^\| (.*) \|$', text, re.MULTILINE)[1:]                 # without the head
        bare += [f'{name}, {row.split(" | ")[0]}' for row in rows if row.rstrip().endswith('|') and not row.startswith('*returns*')]
        if re.search(r'^\w[\w.]*\(\w', text.partition('```python\n')[2]) and not rows: bare.append(f'{name}: no table')
        if '<class' in text or '<factory>' in text: bare.append(f'{name}: a type or default that is not written as in the source')
    assert bare == []


def test_methods_of_public_classes_have_entries(site):
    "`fit`, `propose`, `search` and the others, where a class defines them"
    documented = {name.split(': ')[1] for name, _ in entries(site)}
    public = {name: value for name, value in vars(invnb.all).items() if inspect.isclass(value) and value.__module__.startswith('invnb.')}
    methods = {f'{name}.{method}' for name, value in public.items() for method, function in vars(value).items()
               if inspect.isfunction(inspect.unwrap(getattr(function, '__func__', function))) and not method.startswith('_')
               and not any(hasattr(base, method) for base in value.__mro__[1:])}        # what is overridden is explained where it was introduced
    assert len(methods) > 20 and sorted(methods - documented) == []


@pytest.mark.parametrize('path', pages())
def test_citations_lead_to_the_references(path):
    if path.name == 'references.ipynb': return
    plain = re.sub(r'\[[^]]*\]\([^)]*\)|`[^`]*`', '', '\n'.join(prose(path)))
    assert re.findall(r'[A-Z][\w-]+ et al\.?,? \(?(?:19|20)\d\d[ab]?|\([A-Z][\w-]+(?:,? (?:and|[A-Z][\w-]+))*,? (?:19|20)\d\d[ab]?\)', plain) == []


@pytest.mark.parametrize('path', pages())
def test_printed_text_fits_the_page(path):
    outputs = [output for cell in cells(path) if cell['cell_type'] == 'code' for output in cell['outputs']]
    plain = [''.join(output.get('text', [])) or ''.join(output['data'].get('text/plain', [])) for output in outputs if not {'text/html', 'text/markdown', 'image/png'} & set(output.get('data', {}))]
    assert [line for text in plain for line in text.splitlines() if len(line) > WIDEST] == []


@pytest.mark.parametrize('path', pages())
def test_lines_of_code_fit_the_page(path):
    assert [line for source in code(path) for line in source.splitlines() if len(line) > LONGEST and not line.startswith('#|')] == []


@pytest.mark.parametrize('path', pages())
def test_long_checks_are_folded(path):
    "More than five lines of asserts would stand between the reader and the story"
    folded = re.compile(r'^#\|\s*(code-fold:\s*true|hide|echo:\s*false)', re.MULTILINE)
    open_ = [source for source in code(path) if not source.startswith('#| export') and len(re.findall(r'^\s*(?:assert\b|test_\w+\()', source, re.MULTILINE)) > 5 and not folded.search(source)]
    assert open_ == [], 'put "#| code-fold: true" and "#| code-summary: ..." on top'


def test_pictures_keep_their_shape():
    "Quarto writes width and height on images: whoever limits the width must free the height"
    rules = re.findall(r'([^{}]+)\{([^{}]*)\}', re.sub(r'/\*.*?\*/', '', (ROOT/'nbs'/'styles.css').read_text(), flags=re.DOTALL))
    limits = [(name.strip(), body) for name, body in rules if 'img' in name and 'max-width' in body]
    assert limits and [name for name, body in limits if not re.search(r'height:\s*auto', body)] == []
