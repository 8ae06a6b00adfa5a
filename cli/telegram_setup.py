"""Telegram's set-up: where it sends updates, and the commands and descriptions that people see in their language."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.channels.telegram import UPDATES, LeanRequest
from bot.speech import Speaker
from cli.settings import Settings
from flows.language import Text, _

PATH = "/webhooks/telegram"
CONNECTIONS = 40
PORTS = (443, 80, 88, 8443)
"""The only ports the public server calls (channels.md 1.1)."""

PUBLIC_SERVER = "api.telegram.org"
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

COMMANDS: dict[str, tuple[dict[str, str], Text]] = {
    "menu": ({"es": "menu", "en": "menu"}, _("See all you can do here")),
    "vote": ({"es": "votar", "en": "vote"}, _("Vote, or change your vote")),
    "rules": ({"es": "reglas", "en": "rules"}, _("Who can vote, and what happens in a tie")),
    "results": ({"es": "resultados", "en": "results"}, _("See the results")),
    "milestones": ({"es": "hitos", "en": "milestones"}, _("See what the city promised")),
    "alerts": ({"es": "avisos", "en": "alerts"}, _("Choose what we write to you about")),
    "read": ({"es": "leer", "en": "read"}, _("Read our last notices again")),
    "remind": ({"es": "recordar", "en": "remind_me"}, _("Be reminded of votes")),
    "propose": ({"es": "proponer", "en": "propose"}, _("Send an idea for your city")),
    "rate": ({"es": "evaluar", "en": "rate"}, _("Rate an event")),
    "report": ({"es": "denunciar", "en": "report"}, _("Report corruption")),
    "status": ({"es": "consultar", "en": "status"}, _("See what came of a complaint")),
    "receipt": ({"es": "recibo", "en": "receipt"}, _("Check a receipt")),
    "profile": ({"es": "perfil", "en": "profile"}, _("About you, if you like")),
    "privacy": ({"es": "privacidad", "en": "privacy"}, _("See or delete my data")),
    "language": ({"es": "idioma", "en": "language"}, _("Change the language (Español)")),
    "household": ({"es": "otra_persona", "en": "someone_else"}, _("Someone else uses this phone")),
    "help": ({"es": "ayuda", "en": "help"}, _("Help, and how to find us")),
    "stop": ({"es": "baja", "en": "stop"}, _("Stop getting notices")),
    "allow": ({"es": "alta", "en": "alta"}, _("Get notices again")),
}
"""The conversations in the order Telegram lists them: the command in each language, and what it is for."""

DESCRIPTION = _(
    "Here you take part in what your city decides. You can vote, check that your vote was counted, and see the results."
    " Your vote is secret. To begin write MENU. To find us write HELP. Para español: ESPAÑOL."
)
"""Shown in a chat that is still empty; at most 512 characters."""

SHORT = _("Take part in your city. Vote here and see what was decided.")
"""Shown on the profile and with a shared link; at most 120 characters."""

LISTS = ((None, "es"), ("es", "es"), ("en", "en"))
"""Telegram's language code and the language we speak there; None is for whoever uses Telegram in any other."""


class NotPossible(Exception):
    """Telegram cannot be set up like this; the message says why and what to do."""


async def set_up(settings: Settings) -> list[str]:
    """Tell Telegram everything; harmless to repeat. What was done, a line for each.

    Raises NotPossible; NoCatalogue when the messages are not compiled. What waits at Telegram is never dropped.
    """
    address = webhook_address(settings)
    try:
        async with open_bot(settings) as bot:
            return [*await _webhook(bot, settings, address), *await _commands(bot), *await _descriptions(bot)]
    except TelegramError as error:
        raise NotPossible(explain(error)) from None


def webhook_address(settings: Settings) -> str:
    """Where Telegram is to send updates. Raises NotPossible for an address that it would not call."""
    if not settings.telegram:
        raise NotPossible("Telegram is off. Set TELEGRAM_BOT_TOKEN and TELEGRAM_WEBHOOK_SECRET first.")
    if not settings.public_url:
        raise NotPossible("PUBLIC_URL is missing: Telegram must know where to send messages. Set it to https://…")
    parts = urlsplit(settings.public_url)
    if urlsplit(settings.telegram_api_url).hostname != PUBLIC_SERVER:
        if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
            raise NotPossible("PUBLIC_URL must begin with https://, or be http:// on this machine (127.0.0.1).")
    elif parts.scheme != "https":
        raise NotPossible("PUBLIC_URL must begin with https://: Telegram calls no other. See docs/deploy.md.")
    elif parts.port not in (None, *PORTS):
        raise NotPossible("PUBLIC_URL must have no port, or one of 443, 80, 88 and 8443: Telegram calls no other.")
    return settings.public_url + PATH


@asynccontextmanager
async def open_bot(settings: Settings) -> AsyncIterator[Bot]:
    """The bot over our own request layer. Its calls raise TelegramError; nothing is asked of it yet."""
    request = LeanRequest()
    base = f"{settings.telegram_api_url}/bot"
    try:
        yield Bot(settings.telegram_bot_token, base_url=base, request=request, get_updates_request=request)
    finally:
        await request.shutdown()


async def _webhook(bot: Bot, settings: Settings, address: str) -> list[str]:
    await bot.set_webhook(
        address,
        max_connections=CONNECTIONS,
        allowed_updates=UPDATES,
        secret_token=settings.telegram_webhook_secret,
    )
    return [f"Telegram sends updates to {address}", f"It sends {', '.join(UPDATES)}, and nothing else"]


async def _commands(bot: Bot) -> list[str]:
    for code, language in LISTS:
        await bot.set_my_commands(commands(language), BotCommandScopeAllPrivateChats(), code)
    return [f"{len(COMMANDS)} commands in Spanish and in English"]


async def _descriptions(bot: Bot) -> list[str]:
    for code, language in LISTS:
        speaker = Speaker(language)
        await bot.set_my_description(speaker.say(DESCRIPTION), code)
        await bot.set_my_short_description(speaker.say(SHORT), code)
    return ["The descriptions in Spanish and in English"]


def commands(language: str) -> list[BotCommand]:
    """The list of commands in one language."""
    speaker = Speaker(language)
    return [BotCommand(names[language], speaker.say(about)) for names, about in COMMANDS.values()]


def explain(error: TelegramError) -> str:
    """Why a call failed and what to do. An error's own words may hold the token; those of a refused call do not."""
    if isinstance(error, InvalidToken | Forbidden):
        return "Telegram does not know TELEGRAM_BOT_TOKEN. Copy it again from @BotFather."
    if isinstance(error, RetryAfter):
        return "Telegram asks to wait. Try again in a minute; repeating is harmless."
    if isinstance(error, BadRequest):
        return f"Telegram refused: {error.message}. Correct PUBLIC_URL or TELEGRAM_WEBHOOK_SECRET and repeat."
    if isinstance(error, NetworkError):
        return "Telegram cannot be reached. Check TELEGRAM_API_URL and this machine's way to the Internet, then repeat."
    return "Telegram could not do it. Try again in a minute; repeating is harmless."
