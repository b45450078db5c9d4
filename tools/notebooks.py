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
FOLDERS = ['', 'tasks', 'methods', 'bench', 'tutorials']  # reading order; other folders follow
SKIP = 'skip-execution'                      # nbclient passes over cells with this tag, and leaves their outputs alone

# Run first and not stored: crisp figures, and no progress bar (whatever `disable` says), for its text changes with every run.
SETUP = """
%config InlineBackend.figure_formats = ['retina']
def _quiet_bars():
    from tqdm.auto import tqdm
    init = tqdm.__init__
    def __init__(self, *args, **kwargs): init(self, *args, **{**kwargs, 'disable': True})
    tqdm.__init__ = __init__
_quiet_bars(); del _quiet_bars
"""


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
    nb.cells.insert(0, nbformat.v4.new_code_cell(SETUP))
    NotebookClient(nb, kernel_name='python3', timeout=None, record_timing=False, coalesce_streams=True, store_widget_state=False, extra_arguments=['--log-level=ERROR'],
                   resources=dict(metadata=dict(path=str(path.parent)))).execute()
    del nb.cells[0]
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
