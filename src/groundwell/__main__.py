"""`python -m groundwell` is the command `groundwell`."""

from groundwell.cli import main

if __name__ == "__main__":
    main()
