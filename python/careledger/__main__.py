"""`python -m careledger` is the command line."""

from careledger.cli import main

if __name__ == "__main__":
    main()
