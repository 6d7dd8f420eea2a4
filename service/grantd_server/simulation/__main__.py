"""`python -m grantd_server.simulation`: the process of `running.worker`; never run by hand."""

import sys

from grantd_server.simulation.running.worker import main

sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
