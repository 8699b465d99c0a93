class BadInput(ValueError):
    """What was given cannot be used; says what to do."""
