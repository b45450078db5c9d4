"How the docs show a function: its signature, then its parameters as a table. Named by `renderer` in settings.ini."
from fastcore.docments import DocmentTbl
from nbdev.showdoc import BasicMarkdownRenderer


class TblRenderer(BasicMarkdownRenderer):
    def _repr_markdown_(self): return f"{super()._repr_markdown_()}\n\n{DocmentTbl(self.sym)._repr_markdown_()}".rstrip()
