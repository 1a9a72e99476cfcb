"""Files: path checks before any work, atomic replacement, compression, descriptors, locks."""
