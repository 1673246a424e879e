"""How good a network is, by the papers' protocol: BSSEval v4 beside whole-song measures."""
