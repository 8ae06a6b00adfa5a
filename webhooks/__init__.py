"""HTTP in: Telegram updates, Twilio messages, delivery statuses, health and metrics."""
