create temporary table hayloft_said (
    key uuid not null, load_id bigint not null, line bigint not null, row jsonb not null,
    misfits jsonb not null default '[]'
) on commit drop
