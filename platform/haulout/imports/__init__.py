"""Take in boxes that a reserve already has, from files of other programs."""

from haulout.imports.taking import Imported, import_boxes
from haulout.imports.telling import told_of

__all__ = ["Imported", "import_boxes", "told_of"]
