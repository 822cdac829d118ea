from tests.cli.command_line import apart, demo, furnished, greffier, offices, opened

__all__ = ["apart", "demo", "furnished", "greffier", "offices", "opened"]
