"""A company on one machine: `python -m deploy.demo` tells its story, `--keep` leaves it up."""
