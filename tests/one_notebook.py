"What test_notebooks.py forks a process for. Such a process imports this file anew: it must import next to nothing"
import os
import sys
from pathlib import Path


def nbdev_test(path, said):
    "What the command of that name does with one notebook; what it says goes to the file `said`"
    file = os.open(said, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2): os.dup2(file, stream)
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.argv = ['nbdev_test']
    os.environ['TQDM_DISABLE'] = '1'
    from nbdev.test import nbdev_test as test
    test(path=path, flags=os.environ.get('NB_FLAGS', ''))
