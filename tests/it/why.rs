//! `hayloft why`: why a key is as it is, asked of the real program.

use std::fmt::Write as _;

use expect_test::expect;

use crate::support::{HAYLOFT_TOML, Warehouse};

const HEADER: &str = "email,name,date_of_birth";

/// Three loads about Ann: she is new, changes, and is confirmed. All at instants that are known.
fn with_history() -> Warehouse {
    let warehouse = Warehouse::new();
    let load = |number: u32, rows: &str| {
        let name = format!("users-{number}.csv");
        warehouse.load(&name, format!("{HEADER}\n{rows}")).exits(0);
    };
    load(1, "bob@x.org,Bob,03/04/1985\nann@x.org,Ann,01/02/1990\n");
    load(2, "ann@x.org,Anne,01/02/1990\n");
    load(3, "cyd@x.org,Cyd,05/06/1970\nann@x.org,Anne,01/02/1990\n");
    date_loads(&warehouse);
    warehouse
}

/// Dates the loads as if the first had been on New Year's Day and each later one ten days after
/// the one before. The clock of the server is nothing that a drawing could be compared with.
fn date_loads(warehouse: &Warehouse) {
    warehouse.execute(
        "create function pg_temp.day(load_id bigint) returns timestamptz language sql as
             $$ select timestamptz '2026-01-01 00:00:00Z' + (load_id - 1) * interval '10 days' $$;
         create temporary table instant as
             select effective_at as was, pg_temp.day(load_id) as becomes from hayloft.load;
         update datawarehouse.users as version set effective_end_date = becomes
         from instant where was = effective_end_date and becomes > effective_start_date;
         update datawarehouse.users as version set effective_start_date = becomes
         from instant where was = effective_start_date;
         update datawarehouse.users as version set effective_end_date = becomes
         from instant where was = effective_end_date;
         update hayloft.load set effective_at = pg_temp.day(load_id),
             started_at = pg_temp.day(load_id) + interval '8 hours'",
    );
}

#[test]
fn the_versions_of_a_key_are_shown_with_what_changed_and_who_brought_it() {
    let run = with_history().run(&["why", "users", " Ann@X.org"]).exits(0);
    let (_, below_the_axis) = run.stdout.split_once("now\n").unwrap();
    expect![[r"

        ┌ version 1  2026-01-01 → 2026-01-11  10 days
        │   name           Ann
        │   date_of_birth  1990-02-01
        │   load 1, line 3 of users-1.csv, loaded 2026-01-01 08:00:00
        │
        ├ version 2  2026-01-11 → now  current
        │   name           Ann → Anne
        │   as before: date_of_birth 1990-02-01
        │   load 2, line 2 of users-2.csv, loaded 2026-01-11 08:00:00
        ▼
    "]]
    .assert_eq(below_the_axis);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_uuid_leads_to_the_same_as_the_natural_key() {
    let warehouse = with_history();
    let key = warehouse
        .query("select distinct user_id from datawarehouse.users where email = 'ann@x.org'");
    let by_address = warehouse
        .run(&["why", "users", "ann@x.org", "--at", "2026-01-05"])
        .exits(0);
    let by_key = warehouse
        .run(&["why", "users", key.trim(), "--at", "2026-01-05"])
        .exits(0);
    // The end of the axis moves with the clock.
    let below = |text: &str| text.split_once("now\n").unwrap().1.to_owned();
    assert_eq!(below(&by_address.stdout), below(&by_key.stdout));
}

#[test]
fn an_instant_has_one_version_or_none() {
    let warehouse = with_history();
    let at = |instant| {
        let arguments = ["why", "users", "ann@x.org", "--at", instant];
        let run = warehouse.run(&arguments).exits(0);
        run.stdout.split_once("now\n").unwrap().1.to_owned()
    };
    expect![[r"

        At 2026-01-10 23:59:59.999999: version 1.
        Load 1, line 3 of users-1.csv said so as of 2026-01-01.
        It holds until 2026-01-11.

        ┌ version 1  2026-01-01 → 2026-01-11  10 days
        │   name           Ann
        │   date_of_birth  1990-02-01
        │   load 1, line 3 of users-1.csv, loaded 2026-01-01 08:00:00
    "]]
    .assert_eq(&at("2026-01-10T23:59:59.999999Z"));
    expect![[r"

        At 2026-01-11: version 2.
        Load 2, line 2 of users-2.csv said so as of 2026-01-11.
        Nothing later says otherwise.

        ┌ version 2  2026-01-11 → now  current
        │   name           Ann → Anne
        │   date_of_birth  1990-02-01
        │   load 2, line 2 of users-2.csv, loaded 2026-01-11 08:00:00
    "]]
    .assert_eq(&at("2026-01-11"));
    expect![[r"

        Not there at 2025-12-31: before the first version.
        Version 1 begins at 2026-01-01.
    "]]
    .assert_eq(&at("2025-12-31"));
}

#[test]
fn all_shows_also_what_changed_nothing() {
    let run = with_history()
        .run(&["why", "users", "ann@x.org", "--all"])
        .exits(0);
    let (_, below_the_axis) = run.stdout.split_once("now\n").unwrap();
    expect![[r"

        ┌ version 1  2026-01-01 → 2026-01-11  10 days
        │   name           Ann
        │   date_of_birth  1990-02-01
        │ · 2026-01-01  opened version 1  load 1, line 3 of users-1.csv
        │
        ├ version 2  2026-01-11 → now  current
        │   name           Ann → Anne
        │   as before: date_of_birth 1990-02-01
        │ · 2026-01-11  opened version 2  load 2, line 2 of users-2.csv
        │ · 2026-01-21  confirmed         load 3, line 3 of users-3.csv
        ▼
    "]]
    .assert_eq(below_the_axis);
}

#[test]
fn all_tells_what_snapshots_undone_loads_and_rows_of_a_feed_said() {
    let warehouse = with_history();
    warehouse.execute(
        "insert into hayloft.load (claim_id, table_name, file_name, file_bytes, file_sha256, status,
             effective_at, started_at, mode, absence, instants, columns)
         select gen_random_uuid(), 'users', file, 0, '', status, at, at, mode, absence, instants,
             array['email', 'name']
         from (values
             ('undone.csv', 'undone', timestamptz '2026-01-26Z', 'incremental', 'ignored', 'shared'),
             ('all.csv', 'loaded', '2026-01-31Z', 'snapshot', 'closes', 'shared'),
             ('unread.csv', 'loaded', '2026-02-02Z', 'snapshot', 'closes', 'shared'),
             ('feed.csv', 'loaded', '2026-02-05Z', 'feed', 'ignored', 'own')
         ) as load (file, status, at, mode, absence, instants);
         insert into hayloft.manifest (load_id, kind, part, first_key, last_key, keys, lines)
         select case wanted.kind when 'read' then 4 else 6 end, wanted.kind, 0, first_key, last_key, keys, lines
         from hayloft.manifest, (values ('read'), ('unread')) as wanted (kind) where load_id = 2;
         insert into hayloft.payload (key, load_id, line, row)
         select user_id, 4, 2, jsonb_build_object('name', 'Hannah')
         from datawarehouse.users where email = 'ann@x.org' and is_current;
         insert into hayloft.observation (key, at, load_id, line, presence, sequence)
         select user_id, at, 7, line, 'absent', sequence
         from datawarehouse.users, (values
             (timestamptz '2026-02-04Z', 9, bytea '\\x02'), ('2026-02-04Z', 12, bytea '\\x01')
         ) as said (at, line, sequence)
         where email = 'ann@x.org' and is_current;
         update datawarehouse.users set effective_end_date = '2026-01-31Z'
         where email = 'ann@x.org' and is_current",
    );
    let run = warehouse
        .run(&["why", "users", "ann@x.org", "--all"])
        .exits(0);
    let (_, version_2) = run.stdout.split_once("├ version 2").unwrap();
    expect![[r"
          2026-01-11 → 2026-01-31  20 days
        │   name           Ann → Anne
        │   as before: date_of_birth 1990-02-01
        │ · 2026-01-11  opened version 2  load 2, line 2 of users-2.csv
        │ · 2026-01-21  confirmed         load 3, line 3 of users-3.csv
        │ · 2026-01-26  undone            load 4, line 2 of undone.csv
        │     name Hannah
        └ 2026-01-31  ended by load 5, all.csv, a snapshot without the key

          · 2026-01-31  closed version 2       load 5, all.csv, a snapshot without the key
          · 2026-02-04  lost to load 7 line 9  load 7, line 12 of feed.csv
          · 2026-02-04  said absent            load 7, line 9 of feed.csv
          not there since then
    "]]
    .assert_eq(version_2);
    let brief = warehouse.run(&["why", "users", "ann@x.org"]).exits(0);
    let (_, end) = brief.stdout.split_once("└ ").unwrap();
    expect![[r"
        2026-01-31  ended by load 5, all.csv, a snapshot without the key

          not there since then
    "]]
    .assert_eq(end);
}

/// What became of each observation, in time order, with its load and line; and the versions.
fn story(warehouse: &Warehouse, key: &str) -> String {
    let arguments = ["why", "users", key, "--all", "--format", "json"];
    let object = warehouse.run(&arguments).exits(0).only();
    let mut story = String::new();
    for version in object["versions"].as_array().unwrap() {
        let (number, name) = (&version["version"], &version["values"]["name"]);
        let _ = writeln!(story, "{number} {name} by load {}", version["load_id"]);
    }
    for said in object["observations"].as_array().unwrap() {
        let (outcome, name) = (&said["outcome"], &said["values"]["name"]);
        let _ = writeln!(
            story,
            "load {} line {}: {name} {outcome} {} {}",
            said["load_id"], said["line"], said["version"], said["winner_load_id"]
        );
    }
    story
}

#[test]
fn a_late_row_and_a_correction_stand_where_they_belong() {
    let warehouse = Warehouse::new();
    let load = |number: u32, row: &str| {
        let name = format!("users-{number}.csv");
        warehouse.load(&name, format!("{HEADER}\n{row}\n"))
    };
    load(1, "ann@x.org,Ann,01/02/1990").exits(0);
    // Two are rejected and one is mended at a time, so all stay open.
    let rejected = "ann@x.org,Wrong,1990\nodd@x.org,Odd,1990";
    load(2, &format!("cyd@x.org,Cyd,05/06/1970\n{rejected}")).exits(1);
    load(3, "ann@x.org,Ann,01/02/1990\ncyd@x.org,Cyd,05/06/1970").exits(0);
    for (mended, name) in [("late.csv", "Late"), ("better.csv", "Better")] {
        warehouse.write(mended, format!("{HEADER}\nann@x.org,{name},01/02/1990\n"));
        let replay = ["rejects", "replay", "2", mended];
        warehouse.run(&replay).exits(0);
    }
    expect![[r#"
        1 "Ann" by load 1
        2 "Better" by load 5
        3 "Ann" by load 3
        load 1 line 2: "Ann" "opened" 1 null
        load 4 line 2: "Late" "lost" null 5
        load 5 line 2: "Better" "opened" 2 null
        load 3 line 2: "Ann" "opened" 3 null
    "#]]
    .assert_eq(&story(&warehouse, "ann@x.org"));
}

#[test]
fn what_an_undone_load_said_is_told_until_it_is_put_in_again() {
    let warehouse = with_history();
    let before = story(&warehouse, "ann@x.org");
    warehouse.run(&["undo", "2", "--yes"]).exits(0);
    expect![[r#"
        1 "Ann" by load 1
        2 "Anne" by load 3
        load 1 line 3: "Ann" "opened" 1 null
        load 2 line 2: "Anne" "undone" null null
        load 3 line 3: "Anne" "opened" 2 null
    "#]]
    .assert_eq(&story(&warehouse, "ann@x.org"));
    warehouse.run(&["undo", "3", "--yes"]).exits(0);
    expect![[r#"
        1 "Ann" by load 1
        load 1 line 3: "Ann" "opened" 1 null
        load 2 line 2: "Anne" "undone" null null
        load 3 line 3: "Anne" "undone" null null
    "#]]
    .assert_eq(&story(&warehouse, "ann@x.org"));
    warehouse.run(&["redo", "3", "--yes"]).exits(0);
    warehouse.run(&["redo", "2", "--yes"]).exits(0);
    assert_eq!(story(&warehouse, "ann@x.org"), before);
}

/// The shipped tables, with more settings for `users`.
fn users_with(settings: &str) -> Warehouse {
    let table = "[tables.users]\n";
    let toml = HAYLOFT_TOML.replacen(table, &format!("{table}{settings}\n"), 1);
    Warehouse::with_contract(&toml)
}

#[test]
fn a_snapshot_without_the_key_ends_it() {
    let warehouse = users_with("mode = \"snapshot\"");
    let load = |name: &str, rows: &[&str]| {
        let content = format!("{HEADER}\n{}\n", rows.join("\n"));
        warehouse.load(name, content).exits(0)
    };
    let (ann, bob) = ("ann@x.org,Ann,01/02/1990", "bob@x.org,Bob,03/04/1985");
    load("users-1.csv", &[ann, bob]);
    load("users-2.csv", &[bob]);
    load("users-3.csv", &[ann, bob]);
    expect![[r#"
        1 "Ann" by load 1
        2 "Ann" by load 3
        load 1 line 2: "Ann" "opened" 1 null
        load 2 line null: null "closed" 1 null
        load 3 line 2: "Ann" "opened" 2 null
    "#]]
    .assert_eq(&story(&warehouse, "ann@x.org"));
    let closed = warehouse.run(&["why", "users", "ann@x.org"]).exits(0);
    let ended = "ended by load 2, users-2.csv, a snapshot without the key";
    assert!(closed.stdout.contains(ended), "{closed:#?}");
}

#[test]
fn rows_of_a_feed_open_replace_lose_and_delete_at_instants_of_their_own() {
    let warehouse = users_with(
        "mode = \"feed\"\nop = \"op\"\neffective = { column = \"at\" }\nsequence = [\"lsn\"]",
    );
    let feed = |name: &str, rows: &str| {
        let content = format!("op,at,lsn,{HEADER}\n{rows}\n");
        warehouse.load(name, content).exits(0);
    };
    feed(
        "users-1.csv",
        "c,2026-01-05,1,ann@x.org,Ann,01/02/1990\n\
         u,2026-02-05,9,ann@x.org,Anne,01/02/1990\n\
         d,2026-04-05,10,ann@x.org,,",
    );
    feed(
        "users-2.csv",
        "u,2026-02-05,8,ann@x.org,Nan,01/02/1990\nu,2026-01-20,3,ann@x.org,Hannah,01/02/1990",
    );
    let run = warehouse
        .run(&["why", "users", "ann@x.org", "--all"])
        .exits(0);
    let (_, below_the_axis) = run.stdout.split_once("now\n").unwrap();
    expect![[r"

        ┌ version 1  2026-01-05 → 2026-01-20  15 days
        │   name           Ann
        │   date_of_birth  1990-02-01
        │ · 2026-01-05  opened version 1  load 1, line 2 of users-1.csv
        │
        ├ version 2  2026-01-20 → 2026-02-05  16 days
        │   name           Ann → Hannah
        │   as before: date_of_birth 1990-02-01
        │ · 2026-01-20  opened version 2  load 2, line 3 of users-2.csv
        │
        ├ version 3  2026-02-05 → 2026-04-05  59 days
        │   name           Hannah → Anne
        │   as before: date_of_birth 1990-02-01
        │ · 2026-02-05  lost to load 1 line 3  load 2, line 2 of users-2.csv
        │     name Nan · date_of_birth 1990-02-01
        │ · 2026-02-05  opened version 3       load 1, line 3 of users-1.csv
        └ 2026-04-05  ended by load 1, line 4 of users-1.csv

          · 2026-04-05  closed version 3  load 1, line 4 of users-1.csv
          not there since then
    "]]
    .assert_eq(below_the_axis);
}

#[test]
fn a_column_without_history_tells_whose_value_it_showed() {
    let warehouse = Warehouse::with_contract(&HAYLOFT_TOML.replacen(
        "[tables.users.columns]\n",
        "[tables.users.columns]\nname = { role = \"type1\" }\n",
        1,
    ));
    for (number, name) in [(1, "Ann"), (2, "Anne"), (3, "Anne")] {
        let content =
            format!("{HEADER}\nann@x.org,{name},01/02/1990\nx{number}@x.org,X,01/02/1990\n");
        let file = format!("users-{number}.csv");
        warehouse.load(&file, content).exits(0);
    }
    expect![[r#"
        1 "Anne" by load 1
        load 1 line 2: "Ann" "opened" 1 null
        load 2 line 2: "Anne" "confirmed" 1 null
        load 3 line 2: "Anne" "confirmed" 1 null
    "#]]
    .assert_eq(&story(&warehouse, "ann@x.org"));
    let run = warehouse
        .run(&["why", "users", "ann@x.org", "--all"])
        .exits(0);
    assert!(run.stdout.contains("confirmed, replaced"), "{run:#?}");
}

#[test]
fn a_key_that_only_the_ledger_knows_is_told_from_one_that_nobody_named() {
    let warehouse = with_history();
    warehouse.execute(
        "update hayloft.load set status = 'undone', absence = 'closes' where load_id = 1;
         update hayloft.load set absence = 'closes' where load_id = 2;
         delete from datawarehouse.users where email = 'bob@x.org'",
    );
    let bob = warehouse.run(&["why", "users", "bob@x.org"]).exits(0);
    let (_, said) = bob.stdout.split_once("\n\n").unwrap();
    expect![[r"
        It has no version. This was said of it:

          · 2026-01-01  undone       load 1, line 2 of users-1.csv
          · 2026-01-11  said absent  load 2, users-2.csv, a snapshot without the key
    "]]
    .assert_eq(said);
    let nobody = warehouse.run(&["why", "users", "nobody@x.org"]).exits(2);
    assert!(nobody.stderr.contains("no such key"), "{nobody:#?}");
}

#[test]
fn the_json_has_the_versions_and_the_observations() {
    let arguments = ["why", "users", "ann@x.org", "--all", "--format", "json"];
    let object = with_history().run(&arguments).exits(0).only();
    let pretty = |value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(object["table"], "users");
    assert_eq!(object["key"]["email"], "ann@x.org");
    assert_eq!(object["durable_key"].as_str().unwrap().len(), 36);
    assert_eq!(object["versions"].as_array().unwrap().len(), 2);
    expect![[r#"
        {
          "changed": [
            "name"
          ],
          "file": "users-2.csv",
          "from": "2026-01-11T00:00:00Z",
          "line": 2,
          "load_id": 2,
          "loaded_at": "2026-01-11T08:00:00Z",
          "to": null,
          "values": {
            "date_of_birth": "1990-02-01",
            "email": "ann@x.org",
            "name": "Anne"
          },
          "version": 2
        }"#]]
    .assert_eq(&pretty(&object["versions"][1]));
    assert_eq!(object["observations"].as_array().unwrap().len(), 3);
    expect![[r#"
        {
          "at": "2026-01-21T00:00:00Z",
          "defaults": {},
          "file": "users-3.csv",
          "filled": [],
          "line": 3,
          "load_id": 3,
          "loaded_at": "2026-01-21T08:00:00Z",
          "misfits": [],
          "outcome": "confirmed",
          "overwrote": [],
          "said": "present",
          "source": "row",
          "values": {
            "date_of_birth": "1990-02-01",
            "email": "ann@x.org",
            "name": "Anne"
          },
          "version": 2,
          "winner_line": null,
          "winner_load_id": null
        }"#]]
    .assert_eq(&pretty(&object["observations"][2]));
}

#[test]
fn the_json_of_an_instant_has_what_held_then() {
    let warehouse = with_history();
    let at = |instant| {
        let arguments = [
            "why",
            "users",
            "ann@x.org",
            "--at",
            instant,
            "--format",
            "json",
        ];
        warehouse.run(&arguments).exits(0).only()
    };
    let held = at("2026-01-11");
    assert_eq!(held["found"], "held");
    assert_eq!(held["versions"].as_array().unwrap().len(), 1);
    assert_eq!(held["versions"][0]["version"], 2);
    assert_eq!(held["versions"][0]["changed"][0], "name");
    let before = at("2025-12-31T10:00:00+02:00");
    assert_eq!(before["found"], "before_first");
    assert_eq!(before["at"], "2025-12-31T08:00:00Z");
    assert_eq!(before["versions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_fact_is_shown_with_the_load_that_wrote_it_and_those_before() {
    let warehouse = with_history();
    let header = "id,email,amount,transaction_date";
    let load = |name: &str, row: &str| {
        let content = format!("{header}\n{row}\n");
        warehouse.load(name, content).exits(0);
    };
    load("transactions-1.csv", "7,ann@x.org,1.50,01/02/2024");
    load("transactions-2.csv", "7,ann@x.org,2.50,01/02/2024");
    load("transactions-3.csv", "8,nobody@x.org,1.00,01/02/2024");
    let arguments = ["why", "transactions", "007", "--all", "--format", "json"];
    let object = warehouse.run(&arguments).exits(0).only();
    assert_eq!(object["row"]["values"]["amount"], "2.50");
    assert_eq!(object["row"]["file"], "transactions-2.csv");
    assert_eq!(object["row"]["line"], 2);
    let observations = object["observations"].as_array().unwrap();
    let outcomes: Vec<_> = observations.iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["superseded", "wrote"]);

    let held = warehouse.run(&["why", "transactions", "8"]).exits(0);
    assert!(
        held.stdout.contains("waits for a member of users"),
        "{held:#?}"
    );
    let at = warehouse
        .run(&["why", "transactions", "7", "--at", "2026-01-01"])
        .exits(2);
    assert!(at.stderr.contains("leave out --at"), "{at:#?}");
}

#[test]
fn a_fact_that_was_undone_is_headed_by_its_key() {
    let warehouse = with_history();
    let rows = "id,email,amount,transaction_date\n7,ann@x.org,1.50,01/02/2024\n";
    warehouse.load("transactions.csv", rows).exits(0);
    warehouse.run(&["undo", "4", "--yes"]).exits(0);
    let text = warehouse
        .run(&["why", "transactions", "007", "--all"])
        .exits(0)
        .stdout;
    assert!(
        text.starts_with("transactions  id  7\n\nNot in the table."),
        "{text}"
    );
    let object = warehouse
        .run(&["why", "transactions", "7", "--format", "json"])
        .exits(0)
        .only();
    assert_eq!(object["key"]["id"], "7", "{object}");
}

#[test]
fn what_cannot_be_answered_is_refused_without_repeating_the_key() {
    let warehouse = with_history();
    for (arguments, part) in [
        (&["why", "users", "secret@x.org"][..], "no such key"),
        (&["why", "users", "secret@@x.org"], "cannot be a key"),
        (&["why", "users", "secret", "secret"], "`email`"),
        (&["why", "people", "secret"], "`users`"),
    ] {
        let run = warehouse.run(arguments).exits(2);
        assert!(run.stderr.contains(part), "{run:#?}");
        assert!(!run.stderr.contains("secret"), "{run:#?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn another_secret_is_told_from_an_unknown_key() {
    let warehouse = with_history().env("HAYLOFT_KEY_SECRET", "0123456789abcdef0123456789abcdef");
    let run = warehouse.run(&["why", "users", "ann@x.org"]).exits(2);
    assert!(run.stderr.contains("HAYLOFT_KEY_SECRET"), "{run:#?}");
}
