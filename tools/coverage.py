"""Which lines of invnb/ do the tests run? python tools/coverage.py [pytest arguments]

A notebook tests the cells that it exports, not the module that was made of them. Here each notebook takes its exported cells from that module instead, so that the lines count.
(A cell that changes a function of its own notebook cannot do so then, and fails; it is named, and no more. Whether notebooks pass is for the tests to say.)"""
import os, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT, is_skipped, notebooks

LEAST = 95      # per cent of lines
SETTINGS = """
[run]
source = invnb
parallel = true
patch = subprocess
concurrency = thread, multiprocessing
data_file = {folder}/data
omit = */_modidx.py
disable_warnings = module-not-measured, no-data-collected
[report]
exclude_also =
    raise NotImplementedError
    if TYPE_CHECKING:
"""


def as_script(path):
    "The notebook at `path` as a program in which its module stands for its exported cells"
    import nbformat
    from nbdev.process import extract_directives
    cells, module, taken = [], None, False
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != 'code' or is_skipped(cell, {'slow', 'cuda', 'notest'}): continue
        found = extract_directives(cell, remove=False)
        if 'default_exp' in found: module = 'invnb.' + found['default_exp'][0]
        elif 'export' in found or 'exports' in found:
            if not taken: cells.append(f'import importlib; globals().update({{k: v for k, v in vars(importlib.import_module({module!r})).items() if not k.startswith("__")}})')
            taken = True
        elif '%' not in cell.source[:1] and 'show_doc(' not in cell.source: cells.append(cell.source)
    return 'import matplotlib; matplotlib.use("agg")\nfrom IPython.display import display\nif __name__ == "__main__":\n' + '\n'.join(f'    try: exec(compile({c!r}, "{path.name} cell {i}", "exec"), globals())\n    except Exception as e: print("cell {i}:", type(e).__name__, str(e)[:200])' for i, c in enumerate(cells))


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder)/'settings'
        settings.write_text(SETTINGS.format(folder=folder))
        env = dict(os.environ, OMP_NUM_THREADS='1', TQDM_DISABLE='1', COVERAGE_RCFILE=str(settings))
        for path in notebooks():
            script = Path(folder)/f'{path.stem}.py'
            script.write_text(as_script(path), encoding='utf-8')
            done = subprocess.run([sys.executable, '-m', 'coverage', 'run', script], cwd=path.parent, env=env, capture_output=True, text=True)
            print(f"{path.relative_to(ROOT)}: {len([line for line in done.stdout.splitlines() if line.startswith('cell ')])} cells failed", flush=True)
            if done.returncode: raise SystemExit(done.stderr[-1500:])
        tests = subprocess.run([sys.executable, '-m', 'coverage', 'run', '-m', 'pytest', '--deselect', 'tests/test_notebooks.py', *arguments], cwd=ROOT, env=env)
        subprocess.run([sys.executable, '-m', 'coverage', 'combine', '-q', folder], cwd=ROOT, env=env, check=True)
        report = subprocess.run([sys.executable, '-m', 'coverage', 'report', '-m', '--include=invnb/*', f'--fail-under={LEAST}'], cwd=ROOT, env=env)
        return tests.returncode or report.returncode


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
