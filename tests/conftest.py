"What several tests share"
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault('OMP_NUM_THREADS', '1')  # two tests run at a time: more threads would only fight

settings.register_profile('fixed', derandomize=True, deadline=None, database=None, max_examples=30, print_blob=True,  # the same examples in every run
                          suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
settings.load_profile('fixed')

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = shutil.ignore_patterns('.git', '.venv', '_proc', '_docs', 'runs', 'build', 'dist', '*.egg-info', '__pycache__',
                                  '.pytest_cache', '.hypothesis', '.mypy_cache', '.ipynb_checkpoints')


@pytest.fixture
def copy(tmp_path):
    "The repository in a folder where a test may write"
    return Path(shutil.copytree(ROOT, tmp_path/'invnb', ignore=NOT_OURS))


@pytest.fixture(scope='session')
def forked():
    "New processes that begin with the package imported, and nothing else done: `in_a_fork.py` has what they run"
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['torch', 'invnb.all', 'pandas', 'matplotlib.pyplot', 'scipy.stats', 'nbdev.showdoc', 'nbdev.test'])
    return context


MAY_BE_SKIPPED = 'older libraries have other types', 'accelerator.cpp was tried with torch 2.13', 'mounting a small filesystem needs root'


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "Where INVNB_SKIPS=none a test that is skipped for want of a tool has failed"
    report = yield
    if report.skipped and os.environ.get('INVNB_SKIPS') == 'none' and not any(why in str(report.longrepr) for why in MAY_BE_SKIPPED):
        report.outcome, report.longrepr = 'failed', f'INVNB_SKIPS=none, but {report.longrepr[2]}'
    return report
