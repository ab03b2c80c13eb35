"""The machine and the installation: files, processors, memory, missing packages, version."""
