"""Complaints: how they are taken apart from everything else, sealed, looked after and answered."""
