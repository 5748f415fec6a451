"""The one error of the stand: what happened, to what, and what to do next."""


class StandError(Exception):
    """Something the demo and the tests need could not be brought up."""
