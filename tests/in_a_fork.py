"What the processes of the fixture `forked` run. Each imports this file anew, so it must import next to nothing"
import os
import sys
from pathlib import Path
from types import ModuleType


def to_file(said):
    "All that is printed goes there"
    file = os.open(said, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2): os.dup2(file, stream)


def nbdev_test(path, said):
    "What the command of that name does with one notebook"
    to_file(said)
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.argv = ['nbdev_test']
    os.environ['TQDM_DISABLE'] = '1'
    from nbdev.test import nbdev_test as test
    test(path=path, flags=os.environ.get('NB_FLAGS', ''))


def program(script, args, said):
    "What `python -c SCRIPT ARGS` does"
    to_file(said)
    sys.argv = ['-c', *args]
    sys.modules['__main__'] = main = ModuleType('__main__')
    exec(compile(script, '<string>', 'exec'), vars(main))
