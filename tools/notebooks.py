"""Run the notebooks in reading order and store what they show: python tools/notebooks.py [NOTEBOOK ...]

Cells that carry a flag of `tst_flags` are skipped and keep the outputs that they have, unless NB_FLAGS names the flag.
A notebook that fails is left as it was."""
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.config import get_config
from nbdev.process import extract_directives

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ['ground', 'tasks', 'methods', 'bench', 'results', 'use', 'tutorials', '']  # reading order; other folders follow
SKIP = 'skip-execution'                      # nbclient passes over cells with this tag, and leaves their outputs alone

# Run first and not stored: crisp figures, whose letters must be large enough for the site, and no progress bar (whatever `disable` says),
# for its text changes with every run.
SETUP = """
%config InlineBackend.figure_formats = ['retina']
def _quiet_bars():
    from tqdm.auto import tqdm
    init = tqdm.__init__
    def __init__(self, *args, **kwargs): init(self, *args, **{**kwargs, 'disable': True})
    tqdm.__init__ = __init__
_quiet_bars(); del _quiet_bars
_small_letters = []
def _readable_letters():
    from matplotlib.text import Text
    from IPython.core import pylabtools
    print_figure = pylabtools.print_figure
    def checked(fig, *args, **kwargs):
        shown = min(1, 700/(fig.get_dpi()*fig.get_figwidth()))        # the site shows a figure at most 700 px wide
        seen = [(text.get_fontsize()*fig.get_dpi()/72*shown, text.get_text()) for text in fig.findobj(Text)
                if text.get_visible() and text.get_text().strip()]
        _small_letters.extend(f"{size:.1f} px: {text!r}" for size, text in seen if size < 8.95)
        return print_figure(fig, *args, **kwargs)
    pylabtools.print_figure = checked
_readable_letters(); del _readable_letters
"""
CHECK = 'assert not _small_letters, f"letters in figures, expected at least 9 px at a width of 700 px: {sorted(set(_small_letters))[:5]}"'


def notebooks():
    "Every notebook of the project, in reading order; the home page, which shows the whole, comes last"
    def place(path):
        folder = path.parent.relative_to(ROOT/'nbs').as_posix().strip('.')
        return path.stem == 'index', FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS), path
    found = (ROOT/'nbs').rglob('*.ipynb')
    return sorted((p for p in found if not any(part[0] in '._' for part in p.relative_to(ROOT).parts)), key=place)


def is_skipped(cell, flags):
    "Does nbdev's test runner pass over this cell too?"
    found = extract_directives(cell, remove=False)
    return bool(flags & found.keys()) or found.get('eval:', [''])[0].lower() == 'false' or 'nbdev_export'+'(' in cell.source


def run(path, flags):
    "Run the notebook at `path` in a kernel of its own, and write it with its outputs"
    nb = nbformat.read(path, as_version=4)
    tags = lambda cell: cell.metadata.setdefault('tags', [])
    for cell in nb.cells:
        if cell.cell_type == 'code' and is_skipped(cell, flags): tags(cell).append(SKIP)
    nb.cells = [nbformat.v4.new_code_cell(SETUP), *nb.cells, nbformat.v4.new_code_cell(CHECK)]
    NotebookClient(nb, kernel_name='python3', timeout=None, record_timing=False, coalesce_streams=True, store_widget_state=False, extra_arguments=['--log-level=ERROR'],
                   resources=dict(metadata=dict(path=str(path.parent)))).execute()
    nb.cells = nb.cells[1:-1]
    for cell in nb.cells:
        if SKIP in cell.metadata.get('tags', []): tags(cell).remove(SKIP)
    nb.metadata.kernelspec = dict(display_name='python3', language='python', name='python3')
    nbformat.write(nb, path)


def main(names):
    flags = set(get_config(path=ROOT).tst_flags.split()) - set(os.environ.get('NB_FLAGS', '').split())
    for path in [Path(name).resolve() for name in names] or notebooks():
        start = time.time()
        try: run(path, flags)
        except CellExecutionError as error: sys.exit(f"{path.relative_to(ROOT)} failed, and was left as it was:\n{error}")
        print(f"{path.relative_to(ROOT)}: {time.time()-start:.0f} s", flush=True)


if __name__ == '__main__': main(sys.argv[1:])
