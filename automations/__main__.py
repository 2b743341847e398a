"""`python -m automations`."""

from automations.cli import main

if __name__ == "__main__":
    main()
