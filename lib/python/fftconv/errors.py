"""What goes wrong, with the file, the field, what was expected and what was found."""


class FileError(Exception):
    """A file that is not what it must be: names file, field, expected and found."""

    def __init__(self, file, field, expected, found):
        super().__init__(f"{file}: {field}: expected {expected}, found {found}")
        self.file, self.field, self.expected, self.found = str(file), field, expected, found


class ShapeError(ValueError):
    """An array or an architecture that does not fit; the message names it."""
