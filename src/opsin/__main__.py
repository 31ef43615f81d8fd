"""`python -m opsin` is the `opsin` command."""

from opsin.surfaces.cli import main

if __name__ == "__main__":
    main()
