//! What becomes of people when files about them come in.

use crate::support::{HAYLOFT_TOML, Warehouse};
use expect_test::expect;

const ANN: &str = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
const ANNA: &str = "email,name,date_of_birth\nann@x.org,Anna,01/02/1990\n";

/// A warehouse whose people may have no name and no date of birth.
fn with_nullable_columns() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.execute(
        "alter table datawarehouse.users
         alter column name drop not null, alter column date_of_birth drop not null",
    );
    warehouse
}

#[test]
fn a_changed_name_closes_the_version_and_opens_the_next() {
    let warehouse = Warehouse::new();
    warehouse
        .load(
            "users.csv",
            "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n",
        )
        .exits(0);
    let run = warehouse
        .load(
            "users-2.csv",
            "email,name,date_of_birth\nann@x.org,Anna,01/02/1990\nbob@x.org,Bob,03/04/1985\n",
        )
        .exits(0);

    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | t
        bob@x.org | 1 | Bob | 1985-04-03 | t
    "]]
    .assert_eq(&warehouse.users());
    let load = run.only();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["changes"]["inserted"], 0);
    assert_eq!(load["changes"]["updated"], 1);
    assert_eq!(load["changes"]["deactivated"], 1);
    assert_eq!(load["changes"]["unchanged"], 1);
    warehouse.assert_sound();
}

#[test]
fn a_file_dropped_into_the_folder_is_loaded_and_removed() {
    let warehouse = Warehouse::new();
    let watch = warehouse.watch();
    warehouse.drop_file("users.csv", ANN);
    assert_eq!(watch.next_load()["changes"]["inserted"], 1);
    assert_eq!(watch.stop(), 0);
    assert!(warehouse.names("imports").is_empty());
    assert!(warehouse.names("imports/.claimed").is_empty());
    warehouse.assert_sound();
}

#[test]
fn absence_from_a_file_means_nothing() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let bob = "email,name,date_of_birth\nbob@x.org,Bob,03/04/1985\n";
    warehouse.load("users-2.csv", bob).exits(0);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | t
        bob@x.org | 1 | Bob | 1985-04-03 | t
    "]]
    .assert_eq(&warehouse.users());
    warehouse.assert_sound();
}

#[test]
fn a_change_to_or_from_null_is_a_change_and_null_to_null_is_none() {
    let warehouse = with_nullable_columns();
    let steps = [
        ("03/04/1985", "1985-04-03", 1),
        ("", "∅", 2),
        ("", "∅", 2),
        ("05/06/1987", "1987-06-05", 3),
    ];
    for (number, (born, stored, version)) in steps.into_iter().enumerate() {
        // The second column makes other bytes of it, so that nothing is skipped as redelivered.
        let file = format!(
            "email,name,date_of_birth\nbob@x.org,Bob,{born}\nfiller@x.org,F,0{}/01/2000\n",
            number + 1
        );
        warehouse
            .load(&format!("users-{number}.csv"), file)
            .exits(0);
        let current = warehouse.query(
            "select version_number, date_of_birth from datawarehouse.users
             where email = 'bob@x.org' and is_current",
        );
        assert_eq!(
            current.trim(),
            format!("{version} | {stored}"),
            "step {number}"
        );
    }
    warehouse.assert_sound();
}

#[test]
fn a_value_that_comes_back_is_a_version_of_its_own() {
    let warehouse = Warehouse::new();
    warehouse.load("users-1.csv", ANN).exits(0);
    warehouse.load("users-2.csv", ANNA).exits(0);
    // Other bytes than the first file: the same bytes again would be a redelivery.
    let back = ANN.replace('\n', "\r\n");
    warehouse.load("users-3.csv", back).exits(0);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | f
        ann@x.org | 3 | Ann | 1990-02-01 | t
    "]]
    .assert_eq(&warehouse.users());
    warehouse.assert_sound();
}

#[test]
fn the_third_and_fourth_change_are_numbered_and_touch() {
    let warehouse = Warehouse::new();
    for name in ["A", "B", "C", "D", "E"] {
        let file = ANN.replace("Ann", name);
        let load = warehouse.load(&format!("users-{name}.csv"), file).exits(0);
        let opened = load.only()["changes"].clone();
        assert_eq!(
            opened["inserted"].as_u64().unwrap() + opened["updated"].as_u64().unwrap(),
            1
        );
    }
    expect![[r"
        1 | A | t
        2 | B | t
        3 | C | t
        4 | D | t
        5 | E | ∅
    "]]
    .assert_eq(&warehouse.query(
        "select version_number, name,
             effective_end_date = lead(effective_start_date) over (order by version_number)
         from datawarehouse.users order by version_number",
    ));
    assert_eq!(
        warehouse
            .query("select count(distinct user_id), count(distinct id) from datawarehouse.users")
            .trim(),
        "1 | 5"
    );
    warehouse.assert_sound();
}

#[test]
fn a_load_that_changes_nothing_writes_nothing_to_the_table() {
    let warehouse = Warehouse::new();
    let people = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
    warehouse.load("users.csv", people).exits(0);
    let rows = "select ctid, xmin, xmax, * from datawarehouse.users order by email";
    let before = warehouse.query(rows);
    let other_order =
        "email,name,date_of_birth\nbob@x.org,Bob,03/04/1985\nann@x.org,Ann,01/02/1990\n";
    let load = warehouse.load("users-2.csv", other_order).exits(0).only();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["changes"]["unchanged"], 2);
    assert_eq!(warehouse.query(rows), before);
    warehouse.assert_sound();
}

#[test]
fn a_clock_that_was_set_back_makes_no_late_versions() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    // As if an earlier load had been given its time by a clock that was a century ahead.
    warehouse.execute(
        "insert into hayloft.load
             (claim_id, table_name, file_name, file_bytes, file_sha256, status, effective_at)
         values (gen_random_uuid(), 'users', 'users-0.csv', 0, '', 'loaded', '2126-01-01')",
    );
    warehouse.load("users-2.csv", ANNA).exits(0);
    warehouse
        .load("users-3.csv", ANN.replace("Ann", "Annie"))
        .exits(0);
    expect![[r"
        2 | Anna | 2126-01-01 00:00:00.000001+00
        3 | Annie | 2126-01-01 00:00:00.000002+00
    "]]
    .assert_eq(&warehouse.query(
        "select version_number, name, effective_start_date from datawarehouse.users
         where version_number > 1 order by version_number",
    ));
    warehouse.assert_sound();
}

#[test]
fn columns_that_a_file_does_not_name_carry_over() {
    let warehouse = with_nullable_columns();
    warehouse.load("users.csv", ANN).exits(0);
    let load = warehouse
        .load("users-2.csv", "email,name\nann@x.org,Anna\nnew@x.org,New\n")
        .exits(0)
        .only();
    assert_eq!(load["changes"]["updated"], 1);
    assert_eq!(load["changes"]["inserted"], 1);
    let load = warehouse
        .load("users-3.csv", "date_of_birth,email\n01/02/1990,ann@x.org\n")
        .exits(0)
        .only();
    assert_eq!(load["changes"]["unchanged"], 1);
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | t
        new@x.org | 1 | New | ∅ | t
    "]]
    .assert_eq(&warehouse.users());
    warehouse.assert_sound();
}

#[test]
fn a_column_that_must_have_a_value_cannot_be_left_out() {
    let warehouse = Warehouse::new();
    let run = warehouse
        .load("users.csv", "email,name\nann@x.org,Ann\n")
        .exits(2);
    assert!(run.stderr.contains("date_of_birth"), "{}", run.stderr);
    assert_eq!(warehouse.users(), "");
    warehouse.assert_sound();
}

#[test]
fn how_a_file_is_written_does_not_matter() {
    let warehouse = Warehouse::new();
    let plain = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\nbob@x.org,Bob,03/04/1985\n";
    warehouse.load("users.csv", plain).exits(0);
    let rows = "select ctid, xmin, * from datawarehouse.users order by email";
    let before = warehouse.query(rows);
    let spellings = [
        ("CRLF", plain.replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{plain}")),
        ("no line end at the end", plain.trim_end().to_owned()),
        (
            "quotes",
            "\"email\",\"name\",\"date_of_birth\"\n\"ann@x.org\",\"Ann\",\"01/02/1990\"\n\
             bob@x.org,\"Bob\",03/04/1985\n"
                .to_owned(),
        ),
        (
            "another order of columns",
            "date_of_birth,email,name\n01/02/1990,ann@x.org,Ann\n03/04/1985,bob@x.org,Bob\n"
                .to_owned(),
        ),
        (
            "another case and space in header and key",
            " Email ,NAME,Date_Of_Birth\n ANN@X.org ,Ann,01/02/1990\nBob@x.org,Bob,03/04/1985\n"
                .to_owned(),
        ),
    ];
    for (number, (what, file)) in spellings.into_iter().enumerate() {
        let load = warehouse
            .load(&format!("users-{number}.csv"), file)
            .exits(0);
        assert_eq!(load.only()["status"], "loaded", "{what}");
        assert_eq!(load.only()["changes"]["unchanged"], 2, "{what}");
    }
    assert_eq!(warehouse.query(rows), before);
}

/// The worked example of the rules, by its line numbers.
#[test]
fn of_rows_with_one_key_the_last_wins_and_no_line_is_lost() {
    let warehouse = Warehouse::new();
    let run = warehouse
        .load(
            "users.csv",
            "email,name,date_of_birth\n\
             Ann@x.org,Ann,01/02/1990\n\
             bob@x.org,Bob,03/04/1985\n\
             bob@x.org,Bob,03/04/1985\n \
             ann@x.org,Anne,01/02/1990\n\
             ,Cy,05/06/1970\n",
        )
        .exits(1);
    let load = run.only();
    expect![[r#"{"accepted":2,"duplicates":2,"held":0,"read":5,"rejected":1}"#]]
        .assert_eq(&load["rows"].to_string());
    expect![[r"
        ann@x.org | Anne | 5
        bob@x.org | Bob | 3
    "]]
    .assert_eq(
        &warehouse.query("select email, name, source_line from datawarehouse.users order by email"),
    );
    expect![[r"
        2 | conflicting_duplicate | warning | 5 | Ann@x.org,Ann,01/02/1990
        6 | null_key | error | ∅ | ,Cy,05/06/1970
    "]]
    .assert_eq(&warehouse.query(
        "select line, kind, severity, winner_line, original from hayloft.reject order by line",
    ));
    warehouse.assert_sound();
}

#[test]
fn the_database_refuses_a_history_that_cannot_be() {
    let warehouse = Warehouse::new();
    let insert = |versions: &str| {
        use diesel::connection::SimpleConnection as _;
        let sql = format!(
            "insert into datawarehouse.users (user_id, name, email, date_of_birth,
                 effective_start_date, effective_end_date, version_number, load_id, source_line)
             select '00000000-0000-8000-8000-000000000001', 'A', 'a@x.org', '2000-01-01',
                 starts::timestamptz, ends::timestamptz, 1, 1, 1
             from (values {versions}) as version (starts, ends)"
        );
        warehouse
            .connection()
            .batch_execute(&sql)
            .map_err(|error| error.to_string())
    };
    let refused = [
        (
            "two current versions",
            "('2001-01-01', null), ('2002-01-01', null)",
            "users_open",
        ),
        (
            "overlapping closed versions",
            "('2001-01-01', '2003-01-01'), ('2002-01-01', '2004-01-01')",
            "users_no_overlap",
        ),
        (
            "two versions that start together",
            "('2001-01-01', '2002-01-01'), ('2001-01-01', null)",
            "users_pkey",
        ),
        (
            "a version that ends before it starts",
            "('2002-01-01', '2001-01-01')",
            "users_interval",
        ),
        (
            "a version of no length",
            "('2002-01-01', '2002-01-01')",
            "users_interval",
        ),
    ];
    for (what, versions, constraint) in refused {
        let error = insert(versions).expect_err(what);
        assert!(error.contains(constraint), "{what}: {error}");
    }
    insert("('2001-01-01', '2002-01-01'), ('2002-01-01', null)").unwrap();
}

#[test]
fn a_history_that_was_broken_by_hand_is_not_built_upon() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    warehouse.execute("update datawarehouse.users set version_number = 7");
    let before = warehouse.users();
    let run = warehouse.load("users-2.csv", ANNA).exits(2);
    assert!(run.stderr.contains("changed by hand"), "{}", run.stderr);
    assert_eq!(warehouse.users(), before);
}

#[test]
fn the_same_bytes_again_are_loaded_into_a_table_that_was_emptied() {
    let warehouse = Warehouse::new();
    let file = "email,name,date_of_birth\nann@x.org,Ann,01/02/1990\n";
    warehouse.load("users.csv", file).exits(0);
    // As `diesel migration redo` leaves it.
    warehouse.execute("truncate datawarehouse.users");
    let load = warehouse.load("users.csv", file).exits(0).only();
    assert_eq!(load["status"], "loaded");
    assert_eq!(load["changes"]["inserted"], 1);
}

#[test]
fn a_column_that_hayloft_fills_is_refused_by_name() {
    let warehouse = Warehouse::new();
    let file = "email,name,date_of_birth,User_ID\nann@x.org,Ann,01/02/1990,x\n";
    let run = warehouse.load("users.csv", file).exits(2);
    let said = "`User_ID`, is one that Hayloft fills itself. Remove it from the file.";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn the_same_bytes_again_are_skipped() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    let again = warehouse.load("users-2.csv", ANN).exits(0);
    assert_eq!(again.only()["status"], "skipped");
    assert_eq!(again.only()["rows"]["read"], 0);
    assert!(
        again
            .stderr
            .contains("The same bytes were loaded last, as load 1"),
        "{}",
        again.stderr
    );
    warehouse.assert_sound();
}

#[test]
fn the_same_bytes_again_are_loaded_where_the_table_was_emptied() {
    let warehouse = Warehouse::new();
    warehouse.load("users.csv", ANN).exits(0);
    warehouse.execute("truncate datawarehouse.users");
    let again = warehouse.load("users.csv", ANN).exits(0);
    assert_eq!(again.only()["changes"]["inserted"], 1);
    assert_eq!(
        warehouse.query("select count(*) from datawarehouse.users"),
        "1\n"
    );
}

#[test]
fn an_older_file_again_is_skipped_with_a_warning_unless_it_is_forced() {
    let warehouse = Warehouse::new();
    warehouse.load("users-1.csv", ANN).exits(0);
    warehouse.load("users-2.csv", ANNA).exits(0);
    let skipped = warehouse.load("users-1.csv", ANN).exits(0);
    assert_eq!(skipped.only()["status"], "skipped");
    assert!(
        skipped
            .stderr
            .contains("would bring back old values; `hayloft load --again` does"),
        "{}",
        skipped.stderr
    );
    assert_eq!(
        warehouse
            .query("select name from datawarehouse.users where is_current")
            .trim(),
        "Anna"
    );
    let forced = warehouse
        .run(&["load", "--again", "--format", "json", "users-1.csv"])
        .exits(0);
    assert_eq!(forced.only()["status"], "loaded");
    assert_eq!(
        warehouse
            .query("select version_number, name from datawarehouse.users where is_current")
            .trim(),
        "3 | Ann"
    );
    warehouse.assert_sound();
}

#[test]
fn a_table_may_take_every_redelivery() {
    let always = HAYLOFT_TOML.replacen(
        "[tables.users]",
        "[tables.users]\nredelivery = \"always\"",
        1,
    );
    let warehouse = Warehouse::with_contract(&always);
    for (number, file) in [ANN, ANNA, ANN].into_iter().enumerate() {
        let load = warehouse
            .load(&format!("users-{number}.csv"), file)
            .exits(0);
        assert_eq!(load.only()["status"], "loaded");
    }
    expect![[r"
        ann@x.org | 1 | Ann | 1990-02-01 | f
        ann@x.org | 2 | Anna | 1990-02-01 | f
        ann@x.org | 3 | Ann | 1990-02-01 | t
    "]]
    .assert_eq(&warehouse.users());
    warehouse.assert_sound();
}

#[test]
fn a_load_that_failed_does_not_count_as_seen() {
    let warehouse = Warehouse::new();
    let half = HAYLOFT_TOML.replace("%d/%m/%Y", "%Y-%m-%d");
    warehouse.write("hayloft.toml", half);
    assert_eq!(
        warehouse.load("users.csv", ANN).exits(2).only()["status"],
        "failed"
    );
    warehouse.write("hayloft.toml", HAYLOFT_TOML);
    assert_eq!(
        warehouse.load("users.csv", ANN).exits(0).only()["status"],
        "loaded"
    );
    warehouse.assert_sound();
}
