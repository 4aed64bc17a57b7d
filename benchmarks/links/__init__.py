"""Bad links to drive over: a network of two namespaces, and a TCP proxy where that is not allowed.

Both run as processes of their own, so that they keep their own time, draw everything from a seed,
and obey commands while they run. The benchmarks use them, and so do the tests.
"""

from links.cuts import CutPlan
from links.proxy import ProxyLink
from links.quality import LinkQuality
from links.tun import RightsMissingError, TunLink

__all__ = ["CutPlan", "LinkQuality", "ProxyLink", "RightsMissingError", "TunLink"]
