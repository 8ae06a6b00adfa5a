"""What the benchmarks stand on: settings for this machine alone, and a desk with the consultation of 2022 open."""

from datetime import timedelta
from pathlib import Path

from bot import lifecycle
from cli.replay import ROOT, SharedClock, free_port
from cli.settings import Settings, read_settings
from cli.telegram_standin import TOKEN
from cli.twilio_standin import ACCOUNT_SID, AUTH_TOKEN
from storage.ballot_keys import BallotKeys
from storage.database import open_database, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.schema import migrate

SLUG = "cartagena-2022"


def prepare(settings: Settings) -> SharedClock:
    """Migrate, load and open; a clock that stands on the first day of voting."""
    engine = open_database(settings.database_url)
    migrate(engine)
    folder = read_folder(ROOT / "cartagena")
    opens = next(c for c in folder.consultations if c.slug == SLUG).opens_at
    with transaction(engine) as connection:
        load(connection, folder)
    lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), SLUG, opens - timedelta(hours=1))
    engine.dispose()
    return SharedClock(opens + timedelta(hours=10))


def settings_for(database_url: str, keys: Path, telegram_port: int, per_second: int = 100_000) -> Settings:
    """Settings of a desk whose Bot API is on that port of this machine."""
    return read_settings(
        {
            "SECRET_KEY": "only-for-the-benchmark-" * 3,
            "DATABASE_URL": database_url,
            "BALLOT_KEYS_DIR": str(keys),
            "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_WEBHOOK_SECRET": "webhook-secret-of-the-benchmark",
            "TELEGRAM_API_URL": f"http://127.0.0.1:{telegram_port}",
            "TELEGRAM_PER_SECOND": str(per_second),
            "TELEGRAM_PER_CHAT": "100000",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        }
    )
