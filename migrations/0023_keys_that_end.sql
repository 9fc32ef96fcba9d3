-- Keys of services may end by themselves, as grants do: what somebody makes whose own right ends does not outlive it.
--
-- A key is over in the very moment of `expires_at`, by Portero's clock: whoever looks a key up compares, and deleting it is
-- only tidying up.

alter table auth.service_keys
    -- Null: it does not end by itself.
    add column expires_at timestamptz;

-- For the purge.
create index service_keys_expires_at_idx on auth.service_keys (expires_at)
    where expires_at is not null;
