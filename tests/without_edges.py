"""A pytest plugin (`-p tests.without_edges`) that makes ray and prefect unimportable.

`make test` runs the core's tests under it: they must pass where neither is installed.
"""

import sys

for name in ("ray", "prefect"):
    sys.modules[name] = None
