"""The relay holds a lease on the events it sends, and none fails without its dead letter (spec W96, W97)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0012", "0011"
branch_labels = depends_on = None

# The relay may not write dead letters: the database does it when the relay marks an event failed, in the same
# transaction and in the event's tenant. `payload` is the envelope of A135.
DEAD_LETTER = """
create function dead_letter_of_event() returns trigger
language plpgsql security definer set search_path from current as $$
declare before text := coalesce(current_setting('app.tenant_id', true), '');
begin
  perform set_config('app.tenant_id', new.tenant_id, true);
  insert into dlq_items (tenant_id, dlq_id, trace_id, kind, event_id, consumer, error_code, error_class, context,
      payload, project_id, status, first_failed_at, last_failed_at)
  values (new.tenant_id, 'dlq_' || substr(new.event_id, 5), new.trace_id, 'message', new.event_id, 'relay_outbox',
      coalesce(new.last_error, 'DEPENDENCY_UNAVAILABLE'), 'transient',
      jsonb_build_object('attempts', new.attempts, 'event_type', new.event_type),
      jsonb_build_object('event_id', new.event_id, 'event_type', new.event_type,
        'contract_version', new.contract_version, 'occurred_at', new.created_at, 'producer', new.producer,
        'tenant_id', new.tenant_id, 'project_id', new.project_id, 'run_id', new.run_id, 'job_id', new.job_id,
        'aggregate', jsonb_build_object('type', new.aggregate_type, 'id', new.aggregate_id,
          'version', new.aggregate_version),
        'trace_id', new.trace_id, 'correlation_id', new.correlation_id, 'causation_id', new.causation_id,
        'idempotency_key', new.event_id, 'payload', new.payload),
      new.project_id, 'open', new.created_at, clock_timestamp())
  on conflict (tenant_id, event_id, consumer) do update set last_failed_at = excluded.last_failed_at, status = 'open',
    updated_at = clock_timestamp(), row_version = dlq_items.row_version + 1;
  perform set_config('app.tenant_id', before, true);
  return new;
end $$;
create trigger dead_letter_of_event after update of status on outbox_events for each row
  when (new.status = 'failed' and old.status <> 'failed') execute function dead_letter_of_event();
"""


def upgrade() -> None:
    """Add lease and last error to the outbox, and the dead letter of a failed event."""
    run("""
    alter table outbox_events add column lease_expires_at timestamptz, add column last_error text;
    grant update (lease_expires_at, last_error) on outbox_events to bidproof_relay;""")
    run(DEAD_LETTER)


def downgrade() -> None:
    """Drop both."""
    run("""drop trigger if exists dead_letter_of_event on outbox_events;
    drop function if exists dead_letter_of_event();
    alter table outbox_events drop column if exists lease_expires_at, drop column if exists last_error;""")
