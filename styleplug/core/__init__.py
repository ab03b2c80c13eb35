"""The contracts between the layers; this package imports no other part of styleplug."""
