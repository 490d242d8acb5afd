//! The indexes of a table that many rows come into at once: made anew and the same, or kept.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use expect_test::expect;

use crate::support::{Run, Warehouse};

/// As many as it takes.
const MANY: usize = 100_000;

fn people(how_many: usize) -> String {
    let mut text = "email,name,date_of_birth\n".to_owned();
    for number in 0..how_many {
        writeln!(text, "p{number}@x.org,P{number},01/02/1990").unwrap();
    }
    text
}

/// What identifies each index: one that was made anew has another.
fn oids(warehouse: &Warehouse) -> String {
    warehouse.query(
        "select indexrelid, indexrelid::regclass from pg_index
         where indrelid = 'datawarehouse.users'::regclass order by 2",
    )
}

/// All that the catalog has of the table, its indexes and its constraints, but for what identifies
/// them, where they lie, and how many rows there are.
fn looks(warehouse: &Warehouse) -> String {
    warehouse.query(
        "with own as (
             select indexrelid as oid from pg_index
             where indrelid = 'datawarehouse.users'::regclass
             union all
             select 'datawarehouse.users'::regclass
         )
         select pg_get_indexdef(indexrelid), obj_description(indexrelid, 'pg_class'),
             (to_jsonb(i) - 'indexrelid' - 'indpred')::text as row
         from pg_index as i where indrelid in (select oid from own)
         union all
         select relname, pg_get_userbyid(relowner),
             (to_jsonb(c) - '{oid,relfilenode,relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}'::text[])::text
         from pg_class as c where oid in (select oid from own)
         union all
         select pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint'),
             (to_jsonb(c) - '{oid,conindid,conbin}'::text[])::text
         from pg_constraint as c where conrelid in (select oid from own)
         union all
         select attrelid::regclass::text, attname, (to_jsonb(a) - 'attrelid')::text
         from pg_attribute as a where attrelid in (select oid from own)
         order by 1, 2, 3",
    )
}

/// How many of the lines of one text are not in the other.
fn differ(one: &str, other: &str) -> usize {
    one.lines()
        .filter(|line| other.lines().all(|other| other != *line))
        .count()
}

#[track_caller]
fn assert_loaded(run: Run) {
    let load = run.exits(0).only();
    assert_eq!(load["changes"]["inserted"], MANY, "{load}");
}

/// Indexes as a user may have added them; some stay, since they are no B-trees.
const OF_THE_USER: &str = r#"
    create index "by Name" on datawarehouse.users (name desc nulls last, email) include (id);
    create index on datawarehouse.users (email text_pattern_ops) where name > 'A';
    create index on datawarehouse.users (name collate "C");
    create unique index on datawarehouse.users (effective_end_date, user_id) nulls not distinct;
    alter table datawarehouse.users add constraint "a ""key""" unique nulls not distinct (id) include (name);
    create index on datawarehouse.users using hash (email);
    create index on datawarehouse.users using brin (load_id);
"#;

#[test]
fn the_indexes_are_made_anew_when_many_rows_are_there_and_are_the_same() {
    let warehouse = Warehouse::new();
    warehouse.execute(OF_THE_USER);
    let (before, look) = (oids(&warehouse), looks(&warehouse));
    assert_loaded(warehouse.load("users-1.csv", people(MANY)));
    let after = oids(&warehouse);
    // Two are the warehouse's own, and five the user's; of an exclusion, a hash and a BRIN stay.
    assert_eq!(differ(&before, &after), 7, "{before}{after}");
    assert_eq!(looks(&warehouse), look);
    let filled = "select count(*) from pg_class where oid in (
        select indexrelid from pg_index where indrelid = 'datawarehouse.users'::regclass)
        and reltuples >= 100000";
    assert_eq!(warehouse.query(filled), "7\n");
    warehouse.assert_sound();

    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    assert_eq!(oids(&warehouse), after);
    assert_loaded(warehouse.run(&["load", "--again", "--format", "json", "users-1.csv"]));
    assert_eq!(differ(&after, &oids(&warehouse)), 7);
    assert_eq!(looks(&warehouse), look);
    warehouse.assert_sound();
}

#[test]
fn few_rows_leave_the_indexes_alone_and_so_do_rows_for_a_table_that_has_some() {
    let warehouse = Warehouse::new();
    let before = oids(&warehouse);
    warehouse.load("users-1.csv", people(5000)).exits(0);
    assert_eq!(oids(&warehouse), before);
    warehouse.load("users-2.csv", people(MANY)).exits(0);
    assert_eq!(oids(&warehouse), before);
    warehouse.assert_sound();
}

#[test]
fn a_watch_goes_on_with_a_table_whose_indexes_were_made_anew() {
    let warehouse = Warehouse::new();
    warehouse.load("users-0.csv", people(3)).exits(0);
    warehouse.run(&["undo", "1", "--yes"]).exits(0);
    let before = oids(&warehouse);
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", people(MANY));
    assert_eq!(watch.next_load()["changes"]["inserted"], MANY);
    assert_eq!(differ(&before, &oids(&warehouse)), 2);
    let renamed = people(MANY).replace("7,", "7x,");
    warehouse.drop_file("users.csv", renamed);
    assert_eq!(watch.next_load()["changes"]["updated"], MANY / 10);
    warehouse.drop_file("users.csv", people(5));
    assert_eq!(watch.next_load()["changes"]["unchanged"], 5);
    assert_eq!(watch.stop(), 0);
    warehouse.assert_sound();
}

#[test]
fn who_reads_the_table_is_not_waited_for() {
    let warehouse = Warehouse::new();
    let before = oids(&warehouse);
    let mut reader = warehouse.connection();
    reader
        .batch_execute("begin; select count(*) from datawarehouse.users")
        .unwrap();
    assert_loaded(warehouse.load("users.csv", people(MANY)));
    assert_eq!(oids(&warehouse), before);
    reader.batch_execute("commit").unwrap();
    warehouse.assert_sound();
}

#[test]
fn a_row_that_an_own_index_refuses_is_a_reject() {
    let loaded = |reads_meanwhile: bool| {
        let warehouse = Warehouse::new();
        warehouse.execute(
            "create unique index names on datawarehouse.users (name)
             where effective_end_date is null",
        );
        let look = looks(&warehouse);
        let mut reader = warehouse.connection();
        if reads_meanwhile {
            let read = "begin; select count(*) from datawarehouse.users";
            reader.batch_execute(read).unwrap();
        }
        let twice = people(MANY).replace(",P77777,", ",P77778,");
        let run = warehouse.load("users.csv", twice).exits(1);
        reader.batch_execute("rollback").unwrap();
        assert!(!run.stderr.contains("P77778"), "{run:?}");
        assert_eq!(run.only()["rows"]["rejected"], 1, "{run:?}");
        assert_eq!(run.only()["changes"]["inserted"], MANY - 1, "{run:?}");
        assert_eq!(looks(&warehouse), look);
    };
    loaded(false);
    loaded(true);
}

#[test]
fn an_index_that_something_is_built_on_stays() {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "create view public.named as
         select name, count(*) from datawarehouse.users group by user_id, effective_start_date",
    );
    let before = oids(&warehouse);
    assert_loaded(warehouse.load("users.csv", people(MANY)));
    assert_eq!(oids(&warehouse), before);
    warehouse.assert_sound();
}

/// What decides whether the indexes are made anew, and by which statements.
const PLAIN: &str = include_str!("../../src/merge/dimension/fill/indexes/plain.sql");

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    drop_it: String,
    #[diesel(sql_type = Text)]
    make_it: String,
}

/// The statements, where these have gone before. Nothing stays of either.
fn plain_after(conn: &mut PgConnection, setting: &str) -> Vec<Index> {
    conn.batch_execute("begin").unwrap();
    let done = conn.batch_execute(setting);
    done.unwrap_or_else(|error| panic!("{setting}: {error}"));
    let indexes = sql_query(PLAIN)
        .bind::<Text, _>(r#""datawarehouse"."users""#)
        .load(conn)
        .unwrap_or_else(|error| panic!("{setting}: {error}"));
    conn.batch_execute("rollback; set search_path = public")
        .unwrap();
    indexes
}

#[test]
fn the_server_writes_the_statements_that_drop_an_index_and_make_it_again() {
    let warehouse = Warehouse::new();
    let indexes = plain_after(&mut warehouse.connection(), OF_THE_USER);
    let statements = indexes
        .iter()
        .map(|index| format!("{}\n    {}\n", index.drop_it, index.make_it));
    expect![[r#"
        alter table datawarehouse.users drop constraint users_pkey
            alter table datawarehouse.users add constraint users_pkey PRIMARY KEY (user_id, effective_start_date)
        drop index datawarehouse.users_open
            CREATE UNIQUE INDEX users_open ON datawarehouse.users USING btree (user_id) WHERE (effective_end_date IS NULL)
        drop index datawarehouse."by Name"
            CREATE INDEX "by Name" ON datawarehouse.users USING btree (name DESC NULLS LAST, email) INCLUDE (id)
        drop index datawarehouse.users_email_idx
            CREATE INDEX users_email_idx ON datawarehouse.users USING btree (email text_pattern_ops) WHERE (name > 'A'::text)
        drop index datawarehouse.users_name_idx
            CREATE INDEX users_name_idx ON datawarehouse.users USING btree (name COLLATE "C")
        drop index datawarehouse.users_effective_end_date_user_id_idx
            CREATE UNIQUE INDEX users_effective_end_date_user_id_idx ON datawarehouse.users USING btree (effective_end_date, user_id) NULLS NOT DISTINCT
        alter table datawarehouse.users drop constraint "a ""key"""
            alter table datawarehouse.users add constraint "a ""key""" UNIQUE NULLS NOT DISTINCT (id) INCLUDE (name)
    "#]].assert_eq(&statements.collect::<String>());
}

/// What a user may have done without an effect on the indexes.
const HARMLESS: [&str; 6] = [
    "select",
    "comment on table datawarehouse.users is 'people'",
    "create view public.v as select * from datawarehouse.users",
    "set local search_path = datawarehouse",
    "create publication p for table datawarehouse.transactions",
    "create function public.f() returns event_trigger language plpgsql as 'begin end';
     create event trigger e on ddl_command_end execute function public.f();
     alter event trigger e disable",
];

/// What makes them stay: two statements could not bring back what was, or would have an effect of
/// their own.
const NOT_PLAIN: [&str; 38] = [
    // Something is built on them.
    "alter table datawarehouse.users add unique (id);
     create table public.t (id bigint references datawarehouse.users (id))",
    "create view public.v as
     select name from datawarehouse.users group by user_id, effective_start_date",
    "alter table datawarehouse.users add constraint one unique (id);
     create function public.f() returns void begin atomic
         insert into datawarehouse.users (user_id, name, email, date_of_birth,
             effective_start_date, version_number, load_id, source_line)
         select gen_random_uuid(), '', '', now(), now(), 1, 1, 1
         on conflict on constraint one do nothing;
     end",
    // Something is said of them.
    "comment on index datawarehouse.users_open is 'open'",
    "comment on constraint users_pkey on datawarehouse.users is 'key'",
    "comment on index datawarehouse.users_pkey is 'key'",
    "insert into pg_seclabel
     values ('datawarehouse.users_open'::regclass, 'pg_class'::regclass, 0, 'test', 'open')",
    // They are set otherwise.
    "update pg_class set reltablespace = 1664
     where oid = 'datawarehouse.users_open'::regclass",
    "alter index datawarehouse.users_open set (fillfactor = 70)",
    "alter index datawarehouse.users_pkey set (deduplicate_items = off)",
    "alter table datawarehouse.users cluster on users_pkey",
    "alter table datawarehouse.users replica identity using index users_pkey",
    "alter table datawarehouse.users add unique (id) deferrable",
    "alter table datawarehouse.users add unique (id) deferrable initially deferred",
    "update pg_index set indisvalid = false
     where indexrelid = 'datawarehouse.users_open'::regclass",
    "update pg_index set indisready = false
     where indexrelid = 'datawarehouse.users_open'::regclass",
    "alter table datawarehouse.users add exclude using btree (id with =)",
    // They are made of more than columns.
    "create index on datawarehouse.users (lower(name))",
    "create index on datawarehouse.users (id) where lower(name) > name;
     create index on datawarehouse.users ((id + 1))",
    "create function public.f(text) returns boolean immutable return true;
     create index on datawarehouse.users (id) where public.f(name)",
    "create extension citext schema public;
     alter table datawarehouse.users add nick public.citext;
     create index on datawarehouse.users (nick)",
    "alter index datawarehouse.users_open depends on extension btree_gist",
    // The table is not plain.
    "create table public.t () inherits (datawarehouse.users)",
    "create table public.t (note text); alter table datawarehouse.users add note text;
     alter table datawarehouse.users inherit public.t",
    "alter table datawarehouse.users set unlogged",
    "create access method columns type table handler heap_tableam_handler;
     alter table datawarehouse.users set access method columns",
    "create function public.f() returns trigger language plpgsql as 'begin return new; end';
     create trigger t after insert on datawarehouse.users
         for each row execute function public.f()",
    "create table public.t (id bigint primary key);
     alter table datawarehouse.users add note bigint references public.t deferrable initially deferred",
    // Somebody hears of it.
    "create function public.f() returns event_trigger language plpgsql as 'begin end';
     create event trigger e on ddl_command_end execute function public.f()",
    "create function public.f() returns event_trigger language plpgsql as 'begin end';
     create event trigger e on sql_drop execute function public.f();
     alter event trigger e enable replica",
    "create publication p for all tables",
    "create publication p for table datawarehouse.users",
    "create publication p for tables in schema datawarehouse",
    "insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
     values (1, 'citus', 10, 11, false, '1')",
    // They would come to lie elsewhere.
    "set local default_tablespace = 'pg_default'",
    // The session may not.
    "create role hayloft_reader; grant all on schema datawarehouse to hayloft_reader;
     grant all on all tables in schema datawarehouse to hayloft_reader;
     set local role hayloft_reader",
    "create role hayloft_owner; grant usage on schema datawarehouse to hayloft_owner;
     alter table datawarehouse.users owner to hayloft_owner; set local role hayloft_owner",
    // There are none.
    "alter table datawarehouse.users drop constraint users_pkey;
     drop index datawarehouse.users_open",
];

#[test]
fn what_is_not_plain_makes_all_indexes_stay() {
    let warehouse = Warehouse::new();
    let mut conn = warehouse.connection();
    for setting in HARMLESS {
        assert_eq!(plain_after(&mut conn, setting).len(), 2, "{setting}");
    }
    for setting in NOT_PLAIN {
        assert_eq!(plain_after(&mut conn, setting).len(), 0, "{setting}");
    }
}
