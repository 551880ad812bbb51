"""Note which endpoints get an event (spec A137)."""

from functions.entry import queue
from shared.usecases.deliver_webhook import DeliverWebhook, deliver_webhook

handler = queue("deliver_webhook", DeliverWebhook, deliver_webhook)
