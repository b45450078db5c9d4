"""README.md from the home page, nbs/index.ipynb, as it is stored, and llms.txt from all pages: python tools/readme.py

One way on every machine, with or without Quarto: the same notebook always gives the same file. Hidden and exported cells,
directives and callout fences go; relative links are turned to start from the root; figures that cells show become files."""
import base64
import posixpath
import re
import sys
from pathlib import Path

import nbformat
import yaml
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor
from nbdev.config import get_config
from nbdev.doclinks import _nbpath2html       # the site's own rule: the number of a file name is dropped
from nbdev.process import extract_directives

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT, notebooks

FIGURES = 'nbs/images/index'  # followed by the number of the cell and of its output
HIDDEN = {'hide', 'export', 'exporti', 'default_exp'}
HEAD = '<!-- Made from nbs/index.ipynb by `make readme`: edit that, not this. -->\n\n'


def shown(cells):
    "The cells that a reader of the home page sees, without their directives"
    for cell in cells:
        if cell.cell_type == 'raw': continue
        if cell.cell_type == 'code':
            found = extract_directives(cell, remove=False)
            is_false = lambda name: found.get(f'{name}:', [''])[0].lower() == 'false'
            if HIDDEN & found.keys() or is_false('include'): continue
            cell.source = '\n'.join(line for line in cell.source.splitlines()
                                    if not re.match(r'\s*#\s*\|', line) and not re.search(r'#\|\s*hide_line\s*$', line))
            if is_false('output'): cell.outputs = []
            if is_false('echo'): cell.source = ''
            if not cell.source.strip() and not cell.outputs: continue
        else: cell.source = from_root(cell.source)
        yield cell


def from_root(text):
    "Markdown of nbs/ as it must read one folder up, where Quarto's own marks mean nothing"
    def turn(found):
        before, link, after = found.groups()
        return found[0] if re.match(r'[a-z]+:|[#/]', link) else before + posixpath.normpath(f'nbs/{link}') + after
    text = re.sub(r'(\]\()([^)\s]+)([^)]*\))', turn, text)
    text = re.sub(r'(<(?:img|a)\b[^>]*?(?:src|href)=")([^"]+)(")', turn, text)
    text = re.sub(r'(!\[[^]]*\]\([^)]*\))\{[^}]*\}', r'\1', text)
    return re.sub(r'^:::.*\n?', '', text, flags=re.MULTILINE)


def readme(path=ROOT/'nbs'/'index.ipynb'):
    "The text of README.md, and the figures that it shows by their place"
    nb = nbformat.read(path, as_version=4)
    nb.metadata.language_info = dict(name='python')
    alts = re.findall(r'^#\|\s*fig-alt:\s*"(.*)"', '\n'.join(cell.source for cell in nb.cells), re.MULTILINE)
    nb.cells = list(shown(nb.cells))
    exporter = MarkdownExporter(preprocessors=[])
    exporter.register_preprocessor(ExtractOutputPreprocessor(
        output_filename_template=FIGURES + '_{cell_index}_{index}{extension}', extract_output_types={'image/png', 'image/svg+xml'}), enabled=True)
    text, resources = exporter.from_notebook_node(nb)
    text = re.sub(r'<style.*?</style>\s*|```python\n\s*```\n', '', text, flags=re.DOTALL)  # what tables bring along; code not shown
    for alt in alts: text = text.replace('![png](', f'![{alt}](', 1)
    text = re.sub(r'\n{3,}', '\n\n', re.sub(r'[ \t]+$', '', text, flags=re.MULTILINE)).strip()
    figures = resources.get('outputs', {})                    # the exporter's own extractor names some a second time
    return f'{HEAD}{text}\n', {name: content for name, content in figures.items() if name.startswith(FIGURES)}


def pictures():
    "Figures of other pages that the home page shows: of the cells that say `#| picture: name`"
    found = {}
    for path in notebooks():
        for cell in nbformat.read(path, as_version=4).cells:
            name = re.search(r'^#\|\s*picture:\s*(\w+)', cell.source, re.MULTILINE)
            if cell.cell_type == 'code' and name:
                image = next(output.data['image/png'] for output in cell.outputs if 'image/png' in output.get('data', {}))
                found[f'nbs/images/{name[1]}.png'] = base64.b64decode(image)
    return found


def sidebar():
    "The pages in the order of the sidebar, each with the section that it stands in"
    contents = yaml.safe_load((ROOT/'nbs'/'_quarto.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']
    for entry in contents:
        for page in entry.get('contents', [entry]): yield entry.get('section', 'Start'), page['href']


def llms():
    "The text of llms.txt (https://llmstxt.org): every page in the order of the sidebar, with the sentence that it opens with"
    site = get_config(path=ROOT)
    lines, before = [], None
    for section, name in sidebar():
        title, what = (line.lstrip('#> ') for line in nbformat.read(ROOT/'nbs'/name, as_version=4).cells[0].source.splitlines())
        if name == 'index.ipynb': lines += [f'> {what}']
        if section != before: lines += ['', f'## {section}', '']
        lines += [f'- [{title}]({site.doc_host}{site.doc_baseurl}/{_nbpath2html(Path(name)).as_posix()}): {what}']
        before = section
    return '\n'.join([f'# {site.lib_name}', '', *lines]) + '\n'


def main():
    (ROOT/'nbs'/'llms.txt').write_text(llms(), encoding='utf-8')
    text, figures = readme()
    for old in ROOT.glob(f'{FIGURES}_*'):
        if old.relative_to(ROOT).as_posix() not in figures: old.unlink()
    for name, content in {**figures, **pictures()}.items():
        (ROOT/name).parent.mkdir(exist_ok=True)
        (ROOT/name).write_bytes(content)
    (ROOT/'README.md').write_text(text, encoding='utf-8')


if __name__ == '__main__': main()
