"""Call the receivers of due deliveries (spec A136, A137)."""

from functions.entry import schedule
from shared.usecases.send_due_webhooks import SendDueWebhooks, send_due_webhooks

handler = schedule(SendDueWebhooks, send_due_webhooks)
