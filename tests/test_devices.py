"The package on a second device: on_devices.py, in a process of its own"
import os
import subprocess
import sys

from conftest import ROOT


def test_devices():
    env = {name: value for name, value in os.environ.items() if not name.startswith('PYTEST_')}
    done = subprocess.run([sys.executable, '-m', 'pytest', '-n', '0', '-q', '-p', 'no:cacheprovider', 'tests/on_devices.py'], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    print(done.stdout.splitlines()[-1])
