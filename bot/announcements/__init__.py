"""Announcements and reminders: how they are written, agreed to, brought to people, and what became of them."""
