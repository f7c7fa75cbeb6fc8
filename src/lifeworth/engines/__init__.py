"""How to fit, never what: optimisers, devices."""
