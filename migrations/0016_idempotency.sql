-- What was asked under an `Idempotency-Key`, so that it is done once. Nothing here opens anything: the keys are digests,
-- and an answer is sealed under a key made of what only its caller has.

create table auth.idempotency_keys (
    -- SHA-256 of the caller and of the key.
    key_digest  bytea not null,
    -- Which of several requests does it. One that has lost its claim can't commit any more.
    claim       bytea not null,
    -- SHA-256 of the key and of the credential: whether it is the same session that asks again.
    session     bytea not null,
    state       text not null default 'claimed',
    -- SHA-256 of method, path and body, with the key and the credential; where it was answered.
    fingerprint bytea,
    -- AES-256-GCM: nonce, ciphertext and tag.
    answer      bytea,
    -- By Portero's clock. While the request is under way, when it last gave a sign of life.
    claimed_at  timestamptz not null,

    constraint idempotency_keys_pkey primary key (key_digest),
    constraint idempotency_keys_digest_is_sha256 check (octet_length(key_digest) = 32),
    constraint idempotency_keys_session_is_sha256 check (octet_length(session) = 32),
    constraint idempotency_keys_fingerprint_is_sha256 check (octet_length(fingerprint) = 32),
    constraint idempotency_keys_state check (state in ('claimed', 'done', 'answered')),
    constraint idempotency_keys_answer_whole
        check ((state = 'answered') = (answer is not null) and (answer is null) = (fingerprint is null))
);

-- For the purge.
create index idempotency_keys_claimed_at_idx on auth.idempotency_keys (claimed_at);
