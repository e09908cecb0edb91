"""What can't be done as it was typed."""


class WrongUsage(Exception):
    """Exit 2. Apart from the other errors because every command imports it, and those cost."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
