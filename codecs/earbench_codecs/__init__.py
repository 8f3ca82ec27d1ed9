"""Audio codecs on one contract, their files and their numbers."""
