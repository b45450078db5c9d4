"""The second picture of README and of the home page, nbs/images/paper.png, from the records: python tools/paper_figure.py"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT


def main():
    import matplotlib
    matplotlib.use('agg')
    from invnb.all import figure, read_records, table
    figure(table(read_records(ROOT/'results'/'paper'))).savefig(ROOT/'nbs'/'images'/'paper.png', dpi=150)


if __name__ == '__main__': main()
