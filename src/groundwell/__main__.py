"""`python -m groundwell` is the command `groundwell`."""

from groundwell.imports import lasting_imports


def main() -> None:
    """Run the command line."""
    with lasting_imports():
        from groundwell.cli import main as run  # noqa: PLC0415 - within the block

    run()


if __name__ == "__main__":
    main()
