-- Those of a client that are due, the oldest first.
create index backchannel_logouts_of_client_idx on auth.backchannel_logouts (client_id, next_try_at, id)
    where dead_at is null;
