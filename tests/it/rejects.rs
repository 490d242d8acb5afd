//! Rows that could not be used: seen, taken out, mended, and loaded into their old place in time.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Warehouse;
use expect_test::expect;

const HEADER: &str = "email,name,date_of_birth\n";

/// Load 1: Ann is right, the date of Bob is not, and Eve has neither a date nor one @.
fn with_rejects() -> Warehouse {
    let warehouse = Warehouse::new();
    let rows = "ann@x.org,Ann,01/02/1990\nbob@x.org,Bob,1985-04-03\neve@@x.org,Eve,\n";
    warehouse
        .load("users.csv", format!("{HEADER}{rows}"))
        .exits(1);
    warehouse
}

#[test]
fn the_loads_with_rejects_are_listed_and_each_one_s_findings() {
    let warehouse = with_rejects();
    let load = warehouse
        .run(&["rejects", "list", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(
        (&load["load_id"], &load["errors"]),
        (&1.into(), &2.into()),
        "a row with two mistakes is one row"
    );
    let text = warehouse.run(&["rejects", "list", "1"]).exits(0).stdout;
    expect![[r"
        line  column         severity  kind      message
           3  date_of_birth  error     bad_type  `date_of_birth` is not a date in the format %d/%m/%Y.
           4  email          error     bad_type  `email` is not an e-mail address: it has more than one @.
           4  date_of_birth  error     not_null  `date_of_birth` has no value, and the column must have one.
    "]].assert_eq(&text);
    let objects = warehouse
        .run(&["rejects", "list", "1", "--format", "json"])
        .json();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["column"], "date_of_birth");
}

#[test]
fn a_row_is_shown_only_to_who_asks_for_it() {
    let warehouse = with_rejects();
    for format in ["text", "json"] {
        let arguments = ["rejects", "list", "1", "--format", format];
        let hidden = warehouse.run(&arguments).exits(0);
        assert!(!hidden.stdout.contains("Bob"), "{hidden:#?}");
        let shown = warehouse
            .run(&[&arguments[..], &["--originals"]].concat())
            .exits(0);
        assert!(
            shown.stdout.contains("bob@x.org,Bob,1985-04-03"),
            "{shown:#?}"
        );
    }
}

#[test]
fn an_export_has_the_rows_byte_for_byte_and_overwrites_nothing() {
    let warehouse = Warehouse::new();
    let mut content = HEADER.as_bytes().to_vec();
    let bad = b"a@x.org,A,\nb@x.org,\xff,01/02/1990\nc@x.org,\"two\nlines\",x\n";
    content.extend_from_slice(bad);
    content.extend_from_slice(b"d@x.org,D,01/02/1990\n");
    warehouse.load("users.csv", &content).exits(1);
    let export = ["rejects", "export", "1", "--output", "bad.csv"];

    warehouse.run(&export).exits(0);

    let path = warehouse.path("bad.csv");
    let expected = [HEADER.as_bytes(), bad].concat();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = warehouse.run(&export).exits(2);
    assert!(again.stderr.contains("not overwritten"), "{again:#?}");
    let stdout = warehouse.command(&["rejects", "export", "1"]).output();
    assert_eq!(stdout.unwrap().stdout, expected);
}

#[test]
fn mended_rows_take_their_old_place_in_time() {
    let warehouse = with_rejects();
    warehouse
        .load(
            "transactions.csv",
            "id,email,amount,transaction_date\n7,bob@x.org,1.50,01/02/2024\n",
        )
        .exits(0);
    assert_eq!(
        warehouse.query("select count(*) from hayloft.held_fact"),
        "1\n"
    );
    let mended = "bob@x.org,Bob,03/04/1985\neve@@x.org,Eve,\n";
    warehouse.write("mended.csv", format!("{HEADER}{mended}"));

    let run = warehouse
        .run(&["rejects", "replay", "1", "mended.csv", "--format", "json"])
        .exits(1);

    assert_eq!(run.only()["changes"]["inserted"], 1);
    expect![[r"
        bob@x.org | t
    "]]
    .assert_eq(&warehouse.query(
        "select email, effective_start_date = load.effective_at
         from datawarehouse.users join hayloft.load on load.load_id = 1
         where email like 'bob%'",
    ));
    expect![[r"
        1 | ∅ | replayed | 3
        3 | 1 | open | 2
    "]]
    .assert_eq(&warehouse.query(
        "select load.load_id, parent_load_id, reject.status, count(*)
         from hayloft.reject join hayloft.load using (load_id) group by 1, 2, 3 order by 1",
    ));
    assert_eq!(
        warehouse.query("select count(*) from hayloft.held_fact"),
        "0\n"
    );
    assert!(warehouse.names("").contains(&"mended.csv".into()));
}

#[test]
fn a_mended_row_does_not_overwrite_newer_news() {
    let warehouse = with_rejects();
    let newer = "bob@x.org,Robert,03/04/1985\n";
    warehouse
        .load("users-2.csv", format!("{HEADER}{newer}"))
        .exits(0);
    warehouse.write("mended.csv", format!("{HEADER}bob@x.org,Bob,03/04/1985\n"));

    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);

    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | t
        bob@x.org | 1 | Bob | 1985-04-03 | f
        bob@x.org | 2 | Robert | 1985-04-03 | t
    "]]
    .assert_eq(&warehouse.users());
}

#[test]
fn what_cannot_be_replayed_or_exported_is_refused_in_a_sentence() {
    let warehouse = with_rejects();
    warehouse.load("users-2.csv", "x\n1\n").exits(2);
    for (arguments, part) in [
        (&["rejects", "replay", "99", "users.csv"][..], "no load 99"),
        (&["rejects", "export", "99"], "no load 99"),
        (&["rejects", "list", "99"], "no load 99"),
        (
            &["rejects", "replay", "2", "users.csv"],
            "refused as a whole",
        ),
        (&["rejects", "export", "2"], "refused as a whole"),
        (&["rejects", "replay", "1", "none.csv"], "no such file"),
    ] {
        let run = warehouse.run(arguments).exits(2);
        assert!(run.stderr.contains(part), "{run:#?}");
        assert_eq!(run.stdout, "");
    }
    let toml = "[tables.transactions]\nkind = \"fact\"\nkey = [\"id\"]\n[tables.transactions.columns]\ntransaction_date = { format = \"%d/%m/%Y\" }\n";
    warehouse.write("hayloft.toml", toml);
    let run = warehouse
        .run(&["rejects", "replay", "1", "users.csv"])
        .exits(2);
    assert!(run.stderr.contains("no longer names"), "{run:#?}");
}

#[test]
fn a_replayed_row_does_not_overwrite_what_a_later_file_confirmed() {
    let warehouse = Warehouse::new();
    let header = "email,name,date_of_birth";
    let ann = "ann@x.org,Ann,01/02/1990";
    warehouse
        .load("users-1.csv", format!("{header}\n{ann}\n"))
        .exits(0);
    let broken = format!("{header}\nann@x.org,Wrong,1990\nbob@x.org,Bob,03/04/1985\n");
    warehouse.load("users-2.csv", broken).exits(1);
    // The same values again: no version tells of it, and yet it is newer than load 2.
    let confirmed = format!("{header}\n{ann}\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users-3.csv", confirmed).exits(0);

    warehouse.write(
        "mended.csv",
        format!("{header}\nann@x.org,Wrong,01/02/1990\n"),
    );
    warehouse
        .run(&["rejects", "replay", "2", "mended.csv"])
        .exits(0);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Wrong | 1990-02-01 | f
        ann@x.org | 3 | Ann | 1990-02-01 | t
        bob@x.org | 1 | Bob | 1985-04-03 | t
        cyd@x.org | 1 | Cyd | 1970-06-05 | t
    "]]
    .assert_eq(&warehouse.users());
    let split = "select keys_split from hayloft.load where load_id = 4";
    assert_eq!(warehouse.query(split).trim(), "1");
}

#[test]
fn a_replay_of_some_of_the_rejected_rows_leaves_all_of_them_open() {
    let warehouse = Warehouse::new();
    let header = "email,name,date_of_birth";
    let file = format!("{header}\nann@x.org,Ann,1\nbob@x.org,Bob,2\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users.csv", file).exits(1);
    warehouse.write(
        "mended.csv",
        format!("{header}\nann@x.org,Ann,01/02/1990\n"),
    );
    let run = warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    assert!(run.stderr.contains("all 2 stay open"), "{}", run.stderr);
    let exported = warehouse.run(&["rejects", "export", "1"]).exits(0).stdout;
    assert_eq!(
        exported,
        format!("{header}\nann@x.org,Ann,1\nbob@x.org,Bob,2\n")
    );
}

/// The kinds of the rejects that are open.
const KINDS: &str =
    "select string_agg(kind, ' ' order by kind) from hayloft.reject where status = 'open'";

#[test]
fn lines_that_were_no_rows_need_not_come_again() {
    let warehouse = Warehouse::new();
    let header = "email,name,date_of_birth";
    let file = format!("{header}\n\nann@x.org,Ann,1\n{header}\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users.csv", file).exits(1);
    assert_eq!(
        warehouse.query(KINDS),
        "bad_type blank_line repeated_header\n"
    );
    warehouse.write(
        "mended.csv",
        format!("{header}\nann@x.org,Ann,01/02/1990\n"),
    );
    let run = warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    assert!(!run.stderr.contains("open"), "{}", run.stderr);
    assert_eq!(warehouse.query(KINDS), "∅\n");
}

#[test]
fn a_load_that_rejected_nothing_but_blank_lines_is_closed_by_a_header() {
    let warehouse = Warehouse::new();
    let header = "email,name,date_of_birth";
    let file = format!("{header}\nann@x.org,Ann,01/02/1990\n\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users.csv", file).exits(1);
    assert_eq!(warehouse.query(KINDS), "blank_line\n");
    warehouse
        .run(&["rejects", "export", "1", "--output", "mended.csv"])
        .exits(0);
    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    assert_eq!(warehouse.query(KINDS), "∅\n");
}

#[test]
fn what_is_not_open_is_not_replayed_until_the_replay_is_undone() {
    let warehouse = Warehouse::new();
    let header = "email,name,date_of_birth";
    let sound = format!("{header}\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users.csv", sound).exits(0);
    let broken = format!("{header}\nann@x.org,Ann,1\ncyd@x.org,Cyd,05/06/1970\n");
    warehouse.load("users-2.csv", broken).exits(1);
    let mended = |name: &str| format!("{header}\nann@x.org,{name},01/02/1990\n");
    warehouse.write("mended.csv", mended("Wrong"));
    let replay = |load: &str| warehouse.run(&["rejects", "replay", load, "mended.csv"]);

    let run = replay("1").exits(2);
    assert!(run.stderr.contains("Load 1 rejected nothing"), "{run:#?}");
    replay("2").exits(0);
    warehouse.write("mended.csv", mended("Ann"));
    let run = replay("2").exits(2);
    assert!(
        run.stderr
            .contains("put in already, last by load 3. If that was wrong, `hayloft undo 3`"),
        "{run:#?}"
    );
    let loads = "select count(*) from hayloft.load";
    assert_eq!(warehouse.query(loads), "3\n");
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    replay("2").exits(0);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | t
        cyd@x.org | 1 | Cyd | 1970-06-05 | t
    "]]
    .assert_eq(&warehouse.users());
}

/// Accounts with two texts of which the names can be swapped; load 1 rejects a code that is too long.
fn with_a_rejected_account() -> Warehouse {
    let contract = "[tables.acc]\nkey = [\"code\"]\ndurable_key = \"acc_id\"\n\
                    effective = { file_name = \"%Y-%m-%d\" }\n";
    let warehouse = Warehouse::with_contract(contract);
    warehouse.execute(
        "create table datawarehouse.acc (
             acc_id uuid not null, code varchar(3) not null, tier text, region text,
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number int not null, load_id bigint not null, source_line bigint not null,
             primary key (acc_id, effective_start_date)
         );
         create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;",
    );
    let rows = "abc,bronze,UK\ntoolong,\"gold, or so\",EU\n";
    warehouse
        .load("acc-2026-01-01.csv", format!("code,tier,region\n{rows}"))
        .exits(1);
    warehouse
}

const SWAP: &str = "alter table datawarehouse.acc rename column tier to other;
     alter table datawarehouse.acc rename column region to tier;
     alter table datawarehouse.acc rename column other to region;";

fn corrected(warehouse: &Warehouse, output: &str) {
    warehouse
        .run(&["rejects", "export", "1", "--output", output])
        .exits(0);
    let text = std::fs::read_to_string(warehouse.path(output)).unwrap();
    warehouse.write(output, text.replace("toolong", "new"));
}

#[test]
fn an_export_follows_columns_that_swap_names() {
    let warehouse = with_a_rejected_account();
    warehouse.execute(SWAP);
    let export = warehouse.run(&["rejects", "export", "1"]).exits(0).stdout;
    assert_eq!(export, "code,region,tier\ntoolong,\"gold, or so\",EU\n");
    warehouse.run(&["migrate"]).exits(0);
    corrected(&warehouse, "mended.csv");

    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);

    let rows = "select code, region, tier from datawarehouse.acc order by code";
    assert_eq!(
        warehouse.query(rows),
        "abc | bronze | UK\nnew | gold, or so | EU\n"
    );
}

#[test]
fn an_export_of_before_a_rename_is_refused() {
    let warehouse = with_a_rejected_account();
    corrected(&warehouse, "before.csv");
    warehouse.execute(SWAP);
    for _ in 0..2 {
        let run = warehouse
            .run(&["rejects", "replay", "1", "before.csv"])
            .exits(2);
        assert!(
            run.stderr.contains("writes now: code,region,tier"),
            "{run:#?}"
        );
    }
    corrected(&warehouse, "between.csv");
    warehouse.execute(SWAP);
    warehouse
        .run(&["rejects", "replay", "1", "between.csv"])
        .exits(2);
    assert_eq!(
        warehouse.query("select count(*) from datawarehouse.acc"),
        "1\n"
    );
    warehouse
        .run(&["rejects", "replay", "1", "before.csv"])
        .exits(0);
    let region = "select region from datawarehouse.acc where code = 'new'";
    assert_eq!(warehouse.query(region), "EU\n");
}

#[test]
fn an_export_leaves_out_what_is_dropped() {
    let warehouse = with_a_rejected_account();
    let folder = "migrations/2126-01-01-000001_own";
    warehouse.write(
        &format!("{folder}/up.sql"),
        "alter table datawarehouse.acc drop column tier;
         alter table datawarehouse.acc rename column region to tier;",
    );
    warehouse.write(&format!("{folder}/down.sql"), "select 1");
    warehouse.run(&["migrate"]).exits(0);
    corrected(&warehouse, "mended.csv");
    let text = std::fs::read_to_string(warehouse.path("mended.csv")).unwrap();
    assert_eq!(text, "code,tier\nnew,EU\n");
    warehouse
        .run(&["rejects", "replay", "1", "mended.csv"])
        .exits(0);
    let tier = "select tier from datawarehouse.acc where code = 'new'";
    assert_eq!(warehouse.query(tier), "EU\n");
}

#[test]
fn an_export_of_facts_follows_the_key_they_name() {
    let warehouse = Warehouse::with_contract(
        "[tables.acc]\nkey = [\"code\"]\ndurable_key = \"acc_id\"\n\
         [tables.pay]\nkind = \"fact\"\nkey = [\"pay_id\"]\nreferences = { acc_id = \"acc\" }\n",
    );
    warehouse.execute(
        "create table datawarehouse.acc (
             acc_id uuid not null, code text not null, other text,
             effective_start_date timestamptz not null, effective_end_date timestamptz,
             version_number int not null, load_id bigint not null, source_line bigint not null,
             primary key (acc_id, effective_start_date)
         );
         create unique index acc_open on datawarehouse.acc (acc_id) where effective_end_date is null;
         create table datawarehouse.pay (
             pay_id bigint primary key, acc_id uuid not null, note text,
             load_id bigint not null, source_line bigint not null
         );",
    );
    warehouse.load("acc.csv", "code,other\nx,y\n").exits(0);
    warehouse
        .load("pay.csv", "pay_id,code,note\n1,x,\nbad,x,late\n")
        .exits(1);
    warehouse.execute("alter table datawarehouse.acc rename column code to number");
    let contract = std::fs::read_to_string(warehouse.path("hayloft.toml")).unwrap();
    warehouse.write("hayloft.toml", contract.replace("\"code\"", "\"number\""));
    warehouse.run(&["migrate"]).exits(0);

    let export = warehouse.run(&["rejects", "export", "2"]).exits(0).stdout;

    assert_eq!(export, "pay_id,number,note\nbad,x,late\n");
    let from = contract.replace("\"code\"", "\"number\"").replace(
        "{ acc_id = \"acc\" }",
        "{ acc_id = { to = \"acc\", from = [\"code\"] } }",
    );
    warehouse.write("hayloft.toml", from);
    let export = warehouse.run(&["rejects", "export", "2"]).exits(0).stdout;
    assert_eq!(export, "pay_id,code,note\nbad,x,late\n");
}

#[test]
fn what_was_renamed_before_it_was_kept_is_unknown() {
    let warehouse = with_a_rejected_account();
    warehouse.execute(
        "update hayloft.load set columns = array_replace(columns, 'tier', 'level');
         insert into hayloft.column_identity (table_name, column_id, name, number, type, dropped_at)
         values ('acc', 'level', 'level', 0, '', now())",
    );
    let export = warehouse.run(&["rejects", "export", "1"]).exits(2);
    assert!(export.stderr.contains("it is not known"), "{export:#?}");
}
