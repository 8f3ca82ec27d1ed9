"""Neural audio coders: networks, quantisers, bitstreams, checkpoints."""
