"How the docs show a function: its signature, then its parameters as a table. Named by `renderer` in settings.ini."
import inspect
import re

from fastcore.docments import DocmentTbl
from nbdev.showdoc import BasicMarkdownRenderer


def written(annotation):
    "A type as the source has it, `Tensor | None`: with what it holds, and without the modules of its names"
    text = re.sub(r'\b[A-Za-z_][\w.]*\.(\w+)', r'\1', inspect.formatannotation(annotation).strip("'"))
    return re.sub(r'^Optional\[(.*)\]$', r'\1 | None', text)


class TblRenderer(BasicMarkdownRenderer):
    def _repr_markdown_(self):
        table = DocmentTbl(self.sym)
        for parameters, bar in (self.dm.dm, '|'), (table.dm, r'\|'):          # a bar would end the cell of a table
            for facts in parameters.values():
                if facts.get('anno', inspect.Parameter.empty) is not inspect.Parameter.empty: facts['anno'] = written(facts['anno']).replace('|', bar)
        return f"{super()._repr_markdown_()}\n\n{table._repr_markdown_()}".rstrip()
