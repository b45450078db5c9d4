"What is generated is what its source says, and nothing that a reader sees is stale"
import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NOT_OURS, ROOT
from tools.notebooks import notebooks
from nbdev.config import get_config
from tools.readme import FIGURES, llms, pictures, readme, sidebar


def bash(command, cwd):
    "Run `command` with this environment's programs first"
    done = subprocess.run(f'export PATH="{Path(sys.executable).parent}:$PATH"; {command}', cwd=cwd, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def contents(folder, pattern): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob(pattern)}
def pages(): return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in notebooks()]


def test_package_is_the_exported_notebooks(copy):
    before = contents(copy/'invnb', '*.py')
    for name in before: (copy/'invnb'/name).unlink()             # so that a module whose notebook is gone is found too
    bash('nbdev_export', copy)
    after = contents(copy/'invnb', '*.py')
    assert sorted(after) == sorted(before)
    assert [name for name in after if after[name] != before[name]] == []


def test_version():
    settings = configparser.ConfigParser()
    settings.read(ROOT/'settings.ini')
    assert f'__version__ = "{settings["DEFAULT"]["version"]}"' in (ROOT/'invnb'/'__init__.py').read_text()


def test_dependencies_are_few():
    "What a user must install; a new one needs a reason, and a change here"
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT/'settings.ini')
    names = [re.match('[a-z_-]+', r).group() for r in settings['DEFAULT']['requirements'].split()]
    assert names == 'torch numpy scipy matplotlib fastcore safetensors tqdm pandas ipywidgets filelock loky cloudpickle zuko typing_extensions'.split()


def test_import_is_light():
    "`import invnb` loads itself and nothing else; the benchmark's commands start without torch"
    before, after = (set(bash(f'python -c "{code}import sys; print(*sys.modules)"', ROOT).split()) for code in ('', 'import invnb; '))
    assert after - before == {'invnb'}
    assert 'torch' not in bash('python -c "import invnb.bench.cli, sys; print(*sys.modules)"', ROOT).split()


def test_readme_is_the_home_page():
    text, figures = readme()
    assert (ROOT/'README.md').read_text(encoding='utf-8') == text, "stale: make readme"
    stored = {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in ROOT.glob(f'{FIGURES}_*')}
    assert stored == figures, "stale: make readme"
    assert {name: (ROOT/name).read_bytes() for name in pictures()} == pictures(), "stale: make readme"


def test_llms_txt_is_made_from_the_pages():      # tests/test_site.py: are its addresses those of the site?
    assert (ROOT/'nbs'/'llms.txt').read_text(encoding='utf-8') == llms(), "stale: make readme"


@pytest.mark.parametrize('path', pages())
def test_links_and_images_of_a_page(path):
    "Every link of the prose leads to a file, and every picture of the prose can be read aloud"
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    text = '\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'markdown')
    links = [link.split('#')[0] for link in re.findall(r'\]\(([^)\s]+)', text)]
    assert [link for link in links if link and not re.match(r'[a-z]+:', link) and not (path.parent/link).exists()] == []
    assert re.findall(r'!\[\s*\]', text) == [], "a picture without a text for those who do not see it"
    shows = lambda cell: any('image/png' in output.get('data', {}) for output in cell.get('outputs', []))
    silent = [''.join(cell['source'])[:80] for cell in cells if shows(cell) and not re.search(r'^#\|\s*fig-alt:\s*"\S', ''.join(cell['source']), re.MULTILINE)]
    assert silent == [], 'a figure without #| fig-alt: "what is to be seen"'


def test_readme_links_lead_somewhere():
    text = (ROOT/'README.md').read_text(encoding='utf-8')
    links = {link.split('#')[0] for pair in re.findall(r'\]\(([^)\s]+)|(?:src|href)="([^"]+)"', text) for link in pair}
    assert [link for link in links if link and not re.match(r'[a-z]+:', link) and not (ROOT/link).exists()] == []


def test_notebooks_are_clean(copy):
    before = contents(copy/'nbs', '*.ipynb')
    bash('nbdev_clean', copy)
    assert [name for name, text in contents(copy/'nbs', '*.ipynb').items() if text != before[name]] == [], "make prepare"


@pytest.mark.parametrize('path', pages())
def test_stored_outputs(path):
    cells = [cell for cell in json.loads(path.read_text(encoding='utf-8'))['cells'] if cell['cell_type'] == 'code']
    outputs = [output for cell in cells for output in cell['outputs']]
    assert outputs or not cells, "the docs show what is stored: make notebooks"
    assert [output['evalue'] for output in outputs if output['output_type'] == 'error'] == []
    text = '\n'.join(''.join(t) for output in outputs for t in [output.get('text', []), *(v for k, v in output.get('data', {}).items() if k.startswith('text'))])
    assert not re.search(r'\d%\|', text), "a progress bar was stored"
    assert not re.search(r'/(home|root|Users)/|site-packages', text), "a path of the machine that ran it was stored"


def test_sidebar_names_every_page():
    assert sorted(name for _, name in sidebar()) == sorted(path.relative_to(ROOT/'nbs').as_posix() for path in notebooks())


def test_the_site_knows_its_repository():
    "A fork changes `user` in settings.ini; the link in the page's bar is the one address that does not derive from it"
    assert f'href: {get_config(path=ROOT).git_url}\n' in (ROOT/'nbs'/'_quarto.yml').read_text()


def test_nothing_reads_outside_the_repository(copy):
    outside = '../' + 'shared'
    texts = {p: p.read_text(encoding='utf-8', errors='ignore') for p in copy.rglob('*') if p.is_file()}
    assert [str(p.relative_to(copy)) for p, text in texts.items() if outside in text] == []
