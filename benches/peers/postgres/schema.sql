-- The ledger as a PostgreSQL user would lay it out: one row a member, append-only records, one row for each lot that
-- holds something. Points are ten-thousandths in bigint, names sort by their bytes, no foreign keys: the functions keep
-- the tables together. Each table has the indexes that its job needs and no other.

create table member (
    member_id bigint generated always as identity primary key,
    crm_id text collate "C" not null,
    member_no text collate "C" not null,
    -- total = active + frozen + expired + used
    total bigint not null default 0,
    active bigint not null default 0,
    frozen bigint not null default 0,
    expired bigint not null default 0,
    used bigint not null default 0,
    -- When time alone next changes something: a lot expires or unfreezes.
    next_due timestamptz not null default 'infinity',
    unique (crm_id, member_no)
) with (fillfactor = 50); -- room for updates in place (HOT): no index has a column that changes

create sequence record_auto_id;

create table record (
    auto_id bigint primary key,
    member_id bigint not null,
    fingerprint uuid,
    points bigint not null,
    active_after bigint,
    amount bigint,
    event_at timestamptz not null,
    expire_at timestamptz,
    unfreeze_at timestamptz,
    created_at timestamptz not null,
    event_type text collate "C" not null,
    source_type text collate "C",
    event_no text collate "C", -- null: time did it
    action_scene text collate "C",
    store_code text collate "C",
    cost_center text collate "C",
    campaign_code text collate "C",
    operator text collate "C",
    event_desc text collate "C",
    -- The order, or the lots that a spend took from.
    items jsonb,
    -- The idempotency key, for ever.
    unique (member_id, event_no)
);

-- In spending order: what expires first, then what was recorded first. An emptied lot is deleted.
create table lot (
    member_id bigint not null,
    expire_at timestamptz not null, -- infinity: never
    auto_id bigint not null,
    remaining bigint not null,
    unfreeze_at timestamptz,
    primary key (member_id, expire_at, auto_id)
);

-- What the functions answer. code: 0, or the API's.
create type answer as (
    code integer,
    replayed boolean,
    auto_id bigint,
    event_at timestamptz,
    expire_at timestamptz,
    unfreeze_at timestamptz,
    created_at timestamptz,
    active_after bigint,
    items jsonb
);
