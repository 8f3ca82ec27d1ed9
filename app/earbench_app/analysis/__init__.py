"""What the views draw, computed without Qt: peaks, spectrograms, spectra, levels."""
