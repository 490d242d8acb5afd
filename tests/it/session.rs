//! What roles, databases and strangers set and make changes nothing that a load does.

use crate::support::Warehouse;

const CONTRACT: &str = r#"
    [tables.acc]
    key = ["code"]
    durable_key = "acc_id"
    effective = { file_name = "%Y-%m-%d" }

    [tables.pay]
    kind = "fact"
    key = ["pay_id"]
    references = { acc_id = "acc" }
"#;

const TABLES: &str = "
    create table datawarehouse.acc (
        acc_id uuid not null, code text not null, amount numeric(12, 2), share float8, day date,
        seen timestamptz, lasts interval, raw bytea, tags text[], note xml, at timetz, extra jsonb,
        effective_start_date timestamptz not null, effective_end_date timestamptz,
        version_number int not null, load_id bigint not null, source_line bigint not null,
        primary key (acc_id, effective_start_date)
    );
    create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
    create table datawarehouse.pay (
        pay_id bigint primary key, acc_id uuid not null, amount numeric(12, 2), paid timestamptz,
        load_id bigint not null, source_line bigint not null
    );";

const HEADER: &str = "code,amount,share,day,seen,lasts,raw,tags,note,at,extra\n";

fn row(code: &str, amount: &str) -> String {
    format!(
        "{code},{amount},0.30000000000000004,2026-03-04,2026-03-04 05:06:07+00,1 day 02:00:00,\
         \\x00ff,\"{{a,NULL}}\",<a/>x<b/>,05:06:07+02,\"{{\"\"a\"\": 1}}\"\n"
    )
}

/// Loads in and out of order, facts that wait, an undo and a redo; then all that the tables and the
/// ledger have of it, as somebody sees it whose session is as usual.
fn story(warehouse: &Warehouse) -> String {
    let file = |rows: &[(&str, &str)]| {
        let rows = rows.iter().map(|(code, amount)| row(code, amount));
        HEADER.to_owned() + &rows.collect::<String>()
    };
    let loads = [
        ("acc-2026-03-01.csv", file(&[("a", "1.00"), ("b", "2.00")])),
        (
            "acc-2026-03-03.csv",
            file(&[("a", "1.50"), ("b", "2.00"), ("c", "3.00")]),
        ),
        (
            "pay.csv",
            "pay_id,code,amount,paid\n1,a,5.00,2026-03-04 00:00:00Z\n2,d,6.00,\n".to_owned(),
        ),
        ("acc-2026-03-02.csv", file(&[("a", "1.25"), ("d", "4.00")])),
        (
            "pay-2.csv",
            "pay_id,code,amount,paid\n1,b,5.50,2026-03-04 00:00:00Z\nx,a,1,\n".to_owned(),
        ),
    ];
    for (name, content) in loads {
        let run = warehouse.load(name, content);
        assert!(run.status <= 1, "{name}: {run:#?}");
    }
    for command in [
        "undo 5 --yes",
        "redo 5 --yes",
        "undo 2 --yes",
        "check",
        "status",
        "rejects list 5",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        warehouse.run(&words).exits(0);
    }
    let why = warehouse.run(&["why", "acc", "a", "--all"]).exits(0);
    let why = why.stdout.replace(" ago", "");
    let values: Vec<&str> = why.lines().filter(|line| line.contains("1.")).collect();
    warehouse.execute(&undisturb());
    let tables = warehouse.query(
        "select to_jsonb(acc) from datawarehouse.acc order by acc_id, effective_start_date;
         select to_jsonb(current) from datawarehouse.acc_current as current order by acc_id;
         select to_jsonb(pay) - 'load_id' from datawarehouse.pay order by pay_id;
         select load_id, table_name, status, effective_at, rows_read, rows_held, rows_rejected, columns
         from hayloft.load where action = 'load' and table_name = 'acc' order by load_id;
         select key, load_id, line, row from hayloft.payload order by key, load_id, line",
    );
    warehouse.assert_sound();
    format!("{tables}{}", values.join("\n"))
}

fn each_setting(verb: &str, settings: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        format!("execute format('alter {verb} set {name} = {value}', current_database());")
    };
    let all: String = settings.iter().map(one).collect();
    format!("do $do$ begin {all} end $do$;")
}

fn undisturb() -> String {
    "set search_path = pg_catalog;
     drop cast if exists (integer as text);
     drop cast if exists (bigint as text);
     do $do$ begin
         execute format('alter database %I reset all', current_database());
         execute format('alter role current_user in database %I reset all', current_database());
     end $do$"
        .to_owned()
}

fn undisturbed() -> String {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLES);
    story(&warehouse)
}

#[test]
fn decoys_in_other_schemas_are_never_run() {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLES);
    warehouse.execute(include_str!("session/decoys.sql"));
    let path = [("search_path", "trap, public, pg_catalog")];
    warehouse.execute(&each_setting("role current_user in database %I", &path));
    assert_eq!(story(&warehouse), undisturbed());
}

#[test]
fn odd_settings_change_no_result() {
    let of_database = [
        ("quote_all_identifiers", "on"),
        ("datestyle", "''SQL, DMY''"),
        ("intervalstyle", "iso_8601"),
        ("extra_float_digits", "-15"),
        ("bytea_output", "escape"),
        ("xmlbinary", "hex"),
        ("xmloption", "document"),
        ("timezone", "''Asia/Kolkata''"),
        ("timezone_abbreviations", "''India''"),
        ("standard_conforming_strings", "off"),
        ("backslash_quote", "off"),
        ("client_encoding", "latin1"),
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("default_table_access_method", "odd_heap"),
        ("synchronous_commit", "off"),
        ("client_min_messages", "debug1"),
    ];
    let of_role = [
        ("datestyle", "''German''"),
        ("session_replication_role", "replica"),
        ("transform_null_equals", "on"),
        ("array_nulls", "off"),
        ("exit_on_error", "on"),
        ("lock_timeout", "1"),
        ("jit_above_cost", "0"),
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("\"plpgsql.variable_conflict\"", "use_column"),
        ("check_function_bodies", "off"),
        ("default_statistics_target", "1"),
        ("escape_string_warning", "off"),
    ];
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLES);
    warehouse.execute("create access method odd_heap type table handler heap_tableam_handler");
    warehouse.execute(&each_setting("database %I", &of_database));
    warehouse.execute(&each_setting("role current_user in database %I", &of_role));
    assert_eq!(story(&warehouse), undisturbed());
}

#[test]
fn migrations_run_no_decoys_and_find_their_own_path() {
    let warehouse = Warehouse::with_contract(CONTRACT);
    warehouse.execute(TABLES);
    warehouse.execute(include_str!("session/decoys.sql"));
    warehouse
        .execute("drop table datawarehouse.acc, datawarehouse.pay cascade; create schema mine");
    let path = [("search_path", "mine")];
    warehouse.execute(&each_setting("role current_user in database %I", &path));
    // Older than what they build on.
    warehouse.write("migrations/2020-01-01-000000_acc/up.sql", TABLES);
    warehouse.write(
        "migrations/2020-01-01-000000_acc/down.sql",
        "drop table datawarehouse.acc, datawarehouse.pay",
    );
    warehouse.write(
        "migrations/2020-01-02-000000_notes/up.sql",
        "create table notes (note pg_catalog.text)",
    );
    warehouse.write(
        "migrations/2020-01-02-000000_notes/down.sql",
        "drop table mine.notes",
    );
    warehouse.run(&["migrate", "--reset", "--yes"]).exits(0);
    assert_eq!(
        warehouse.query("select pg_catalog.to_regclass('mine.notes') is not null"),
        "t\n"
    );
    assert_eq!(story(&warehouse), undisturbed());
    warehouse.run(&["migrate", "--reset", "--yes"]).exits(0);
}

#[test]
fn a_stranger_does_not_own_the_list_of_migrations() {
    let warehouse = Warehouse::new();
    let role = format!("stranger_{}", uuid::Uuid::now_v7().simple());
    warehouse.execute(&format!(
        "create role {role}; grant create on schema public to {role};
         delete from public.__diesel_schema_migrations where version = (
             select max(version) from public.__diesel_schema_migrations
         );
         alter table public.__diesel_schema_migrations owner to {role}"
    ));
    let run = warehouse.run(&["migrate"]).exits(2);
    assert!(run.stderr.contains("belongs to"), "{run:#?}");
    warehouse.execute(&format!(
        "alter table public.__diesel_schema_migrations owner to current_user;
         drop owned by {role}; drop role {role}"
    ));
}
