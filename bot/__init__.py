"""Runs conversations: one turn, the outbox, the sender, the scheduler, and one file for each channel."""
