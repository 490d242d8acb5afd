//! What a file becomes, by what its contract says of history.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use chrono::DateTime;
use expect_test::{Expect, expect};

use super::*;
use crate::contract::catalog::{Catalog, CatalogColumn, CatalogTable, UniqueKey};
use crate::contract::{ColumnType, ContractFile, Contracts, Nullability, Precision, TableName};

struct Silent;

impl Progress for Silent {
    fn advanced(&self, _: u64) {}
}

/// A dimension of things, each with a code, a required name, and a price and a day that may be
/// missing.
fn catalog() -> Catalog {
    let column = CatalogColumn::new;
    let text = || ColumnType::Text {
        sql: "text".into(),
        max_chars: None,
    };
    let (required, nullable) = (Nullability::Required, Nullability::Nullable);
    let columns = vec![
        column("thing_id", ColumnType::Uuid, required),
        column("code", text(), required),
        column("name", text(), required),
        column("price", ColumnType::Int4, nullable),
        column("since", ColumnType::Date, nullable),
        column(
            "effective_start_date",
            ColumnType::TimestampTz(Precision::MICROS),
            required,
        ),
        column(
            "effective_end_date",
            ColumnType::TimestampTz(Precision::MICROS),
            nullable,
        ),
        column("version_number", ColumnType::Int4, required),
        column("load_id", ColumnType::Int8, required),
        column("source_line", ColumnType::Int8, required),
    ];
    let unique = |columns: &[&str], predicate: Option<&str>| UniqueKey {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        predicate: predicate.map(str::to_owned),
    };
    let things = CatalogTable::new(
        columns,
        vec![
            unique(&["thing_id", "effective_start_date"], None),
            unique(&["thing_id"], Some("(effective_end_date IS NULL)")),
        ],
    );
    Catalog {
        schema: "datawarehouse".into(),
        tables: BTreeMap::from([("things".into(), things)]),
        obstacles: BTreeMap::new(),
    }
}

fn contract(lines: &str) -> Contract {
    let toml = format!("[tables.things]\nkey = [\"code\"]\ndurable_key = \"thing_id\"\n{lines}");
    let file = ContractFile::parse(Path::new("hayloft.toml"), &toml).unwrap();
    let contracts = Contracts::join(&file, &catalog()).unwrap();
    contracts.get(&TableName::new("things")).unwrap().clone()
}

fn stage_text(contract: &Contract, text: &str) -> Result<Staged, StageFault> {
    stage_text_by(contract, text, BATCH_BYTES, &Limits::default())
}

fn stage_text_by(
    contract: &Contract,
    text: &str,
    batch_bytes: usize,
    limits: &Limits,
) -> Result<Staged, StageFault> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let source = Source {
        claim: Uuid::nil(),
        name: "things.csv".into(),
        file: file.reopen().unwrap(),
    };
    let keys = KeyScheme::plain();
    stage_in_batches(
        &TableRejects::default(),
        source,
        contract,
        &keys,
        limits,
        &Silent,
        batch_bytes,
    )
}

fn staged(lines: &str, text: &str) -> Staged {
    stage_text(&contract(lines), text).unwrap()
}

fn refused(lines: &str, text: &str) -> String {
    stage_text(&contract(lines), text).unwrap_err().to_string()
}

fn key(code: &str) -> Uuid {
    KeyScheme::plain().durable_key(&[code])
}

/// The cells of a row as texts, by their bytes.
fn cells(row: &Row<'_>) -> Vec<Option<String>> {
    let (mut rest, mut cells) = (row.cells, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (cell, after) = after.split_at(length.unwrap_or(0));
        cells.push(length.map(|_| String::from_utf8_lossy(cell).escape_debug().to_string()));
        rest = after;
    }
    cells
}

/// What `tell` says of each accepted row, in the order of the file.
fn of_each<T>(staged: &Staged, tell: impl Fn(Row<'_>) -> T) -> Vec<T> {
    let mut told = BTreeMap::new();
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().unwrap() {
        told.insert(row.place.line, tell(row));
    }
    told.into_values().collect()
}

fn row_told(row: Row<'_>) -> String {
    let at = row
        .at
        .map(|at| DateTime::from_timestamp_micros(at).unwrap().to_rfc3339());
    let cells: Vec<String> = cells(&row)
        .into_iter()
        .map(|cell| cell.unwrap_or_else(|| "NULL".into()))
        .collect();
    let mut told = format!("{} {:?}", row.place.line, row.presence);
    write!(told, " {} [{}]", at.unwrap_or_default(), cells.join(", ")).unwrap();
    if !row.sequence.is_empty() {
        write!(told, " {}", hex(row.sequence)).unwrap();
    }
    told + "\n"
}

/// Every accepted row on a line, then every finding.
fn told(mut staged: Staged) -> String {
    let mut told = of_each(&staged, row_told).concat();
    staged
        .findings
        .read_back(|finding: Finding| {
            let Reject {
                place,
                column,
                kind,
                message,
            } = finding.reject;
            let column = column.map(|column| column.number);
            writeln!(told, "{} {kind} {column:?}: {message}", place.line).unwrap();
            Ok::<_, io::Error>(())
        })
        .unwrap();
    let tally = staged.tally;
    let accepted = staged.rows.len() as u64;
    assert_eq!(tally.read, accepted + tally.rejected + tally.duplicates);
    told
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn tells(lines: &str, text: &str, expected: &Expect) {
    expected.assert_eq(&told(staged(lines, text)));
}

const FEED: &str = "mode = \"feed\"\nop = \"op\"\neffective = { column = \"at\" }\n";

#[test]
fn the_rows_of_a_feed_say_what_was_done_and_when() {
    tells(
        FEED,
        "op,at,code,name\nI,2024-01-01,a,Ann\nupsert,2024-01-02 10:00:00+02:00,a,Anne\n\
         read,2024-01-03T00:00:00.0000019Z,b,Bob\n",
        &expect![[r"
            2 Present 2024-01-01T00:00:00+00:00 [a, Ann]
            3 Present 2024-01-02T08:00:00+00:00 [a, Anne]
            4 Present 2024-01-03T00:00:00.000001+00:00 [b, Bob]
        "]],
    );
}

#[test]
fn of_a_delete_only_the_key_the_op_and_the_instant_are_looked_at() {
    tells(
        FEED,
        "op,at,code,name,price,since\nd,2024-01-01,a,,many,never\nDelete,2024-01-02,b,\"B\",7,\n\
         d,2024-01-03,,,,\nu,2024-01-04,a,,many,\n",
        &expect![[r"
            2 Absent 2024-01-01T00:00:00+00:00 [a, NULL, NULL, NULL]
            3 Absent 2024-01-02T00:00:00+00:00 [b, NULL, NULL, NULL]
            4 null_key Some(3): `code` has no value, and it is part of the key.
            5 bad_type Some(5): `price` is not a whole number.
        "]],
    );
}

#[test]
fn a_row_without_an_op_or_an_instant_is_a_reject_that_repeats_no_value() {
    tells(
        &format!("{FEED}zone = \"Europe/Berlin\"\n"),
        "op,at,code,name\nremove,2024-01-01,a,\n,2024-01-01,a,Ann\n i,,a,Ann\n\
         i,yesterday,a,Ann\ni,2024-03-31 02:30:00,a,Ann\ni,2024-10-27 02:30:00,a,Ann\n",
        &expect![[r"
            7 Present 2024-10-27T00:30:00+00:00 [a, Ann]
            2 bad_op Some(1): `op` does not say what was done; it can be i, c, r, insert, create or read, u or update, upsert, d or delete.
            3 bad_op Some(1): `op` does not say what was done; it can be i, c, r, insert, create or read, u or update, upsert, d or delete.
            4 bad_op Some(1): `op` does not say what was done; it can be i, c, r, insert, create or read, u or update, upsert, d or delete.
            4 bad_instant Some(2): `at` has no value, and it is the instant from which on the row holds.
            5 bad_instant Some(2): `at` is not a timestamp in the format YYYY-MM-DD HH:MM:SS.
            6 nonexistent_time Some(2): `at` is a local time that Europe/Berlin skips.
            7 ambiguous_time Some(2): `at` is a local time that its zone has twice (the clock was set back), and the earlier one was taken.
        "]],
    );
}

#[test]
fn in_a_feed_the_last_of_several_lines_about_one_instant_counts() {
    tells(
        FEED,
        "op,at,code,name\ni,2024-01-01,a,Ann\ni,2024-01-02,a,Ann\nu,2024-01-01,a,Anne\n\
         d,2024-01-01,a,\nu,2024-01-02,a,Ann\n",
        &expect![[r"
            3 Present 2024-01-02T00:00:00+00:00 [a, Ann]
            5 Absent 2024-01-01T00:00:00+00:00 [a, NULL]
            2 conflicting_duplicate None: Line 5 of this file has the same key and was used instead.
            4 conflicting_duplicate None: Line 5 of this file has the same key and was used instead.
        "]],
    );
}

#[test]
fn rows_with_instants_of_their_own_need_no_feed() {
    tells(
        "effective = { column = \"since\", format = \"%d/%m/%Y\" }\nduplicates = \"first\"\n\
         [tables.things.columns]\nsince = { format = \"%d/%m/%Y\" }\n",
        "code,name,since\na,Ann,01/02/2024\na,Anne,02/02/2024\na,Anna,01/02/2024\nb,Bob,\n\
         b,Bob,31/02/2024\n",
        &expect![[r#"
            2 Present 2024-02-01T00:00:00+00:00 [a, Ann, \0\0\"]]
            3 Present 2024-02-02T00:00:00+00:00 [a, Anne, \0\0\"^]
            5 bad_instant Some(3): `since` has no value, and it is the instant from which on the row holds.
            6 bad_instant Some(3): `since` is in the format %d/%m/%Y, but no calendar or clock shows that timestamp.
            4 conflicting_duplicate None: Line 2 of this file has the same key and was used instead.
        "#]],
    );
}

#[test]
fn sequences_are_bytes_that_sort_as_their_numbers_do() {
    tells(
        &format!("{FEED}sequence = [\"lsn\", \"pos\"]\n"),
        "op,at,code,name,lsn,pos\ni,2024-01-01,a,A,-1,9223372036854775807\n\
         i,2024-01-01,a,A,0,-9223372036854775808\ni,2024-01-01,a,A,12,3\n\
         d,2024-01-01,a,,,3\ni,2024-01-01,a,A,1.5,9223372036854775808\n",
        &expect![[r"
            2 Present 2024-01-01T00:00:00+00:00 [a, A] 7fffffffffffffffffffffffffffffff
            3 Present 2024-01-01T00:00:00+00:00 [a, A] 80000000000000000000000000000000
            4 Present 2024-01-01T00:00:00+00:00 [a, A] 800000000000000c8000000000000003
            5 not_null Some(5): `lsn` has no value, and it decides between rows of one key.
            6 bad_type Some(5): `lsn` is not a whole number.
            6 overflow Some(6): `pos` is not between -9223372036854775808 and 9223372036854775807.
        "]],
    );
}

#[test]
fn of_rows_that_share_an_instant_the_greatest_sequence_counts() {
    tells(
        "sequence = [\"lsn\"]\nduplicates = \"fail_file\"\n",
        "code,name,lsn\na,A,7\na,B,9\na,C,8\na,B,-9\nb,B,1\n",
        &expect![[r"
            3 Present  [a, B] 8000000000000009
            6 Present  [b, B] 8000000000000001
            2 conflicting_duplicate None: Line 3 of this file has the same key and was used instead.
            4 conflicting_duplicate None: Line 3 of this file has the same key and was used instead.
        "]],
    );
    assert_eq!(
        refused(
            "sequence = [\"lsn\"]\nduplicates = \"fail_file\"\n",
            "code,name,lsn\na,A,7\na,B,9\na,C,9\n"
        ),
        "Line 4 and line 3 have the same key and differ, and the contract says duplicates = \"fail_file\". Keep one of them."
    );
}

#[test]
fn fields_of_history_fill_columns_of_the_same_name_too() {
    let feed = "mode = \"feed\"\nop = \"NAME\"\neffective = { column = \"since\" }\n\
                sequence = [\"price\"]\n";
    tells(
        feed,
        "code,name,since,price\na,i,2024-01-01,5\na,i,2024-02-30,5\na,i,2024-01-03,many\n\
         a,d,2024-01-04,8\n",
        &expect![[r#"
            2 Present 2024-01-01T00:00:00+00:00 [a, i, \0\0\0\u{5}, \0\0\">] 8000000000000005
            5 Absent 2024-01-04T00:00:00+00:00 [a, NULL, NULL, NULL] 8000000000000008
            3 bad_instant Some(3): `since` is in the format YYYY-MM-DD, but no calendar or clock shows that timestamp.
            4 bad_type Some(4): `price` is not a whole number.
        "#]],
    );
}

#[test]
fn a_file_without_a_field_of_history_is_refused_naming_it() {
    let feed = format!("{FEED}sequence = [\"lsn\"]\n");
    let mut told = String::new();
    for header in ["code,name", "code,op,name,lsn", "OP,at,Code,price"] {
        writeln!(
            told,
            "\n{header}\n{}",
            refused(&feed, &format!("{header}\n"))
        )
        .unwrap();
    }
    expect![[r"

        code,name
        The header lacks `op`, `at` and `lsn`, which every file for table `things` must have. It names `code`, `name`.

        code,op,name,lsn
        The header lacks `at`, which every file for table `things` must have. It names `code`, `op`, `name`, `lsn`.

        OP,at,Code,price
        The header lacks `name` and `lsn`, which every file for table `things` must have. It names `OP`, `at`, `Code`, `price`.
    "]].assert_eq(&told);
}

const SNAPSHOT: &str = "mode = \"snapshot\"\n";

#[test]
fn a_snapshot_knows_the_keys_of_the_rows_that_it_rejects() {
    let text = "code,name,price\na,A,1\nb,B,many\n,C,1\nd,D\n\ne,E,1\ne,E,many\n";
    let snapshot = staged(SNAPSHOT, text);
    assert_eq!(snapshot.unread.keys, [key("b"), key("e")]);
    assert_eq!(snapshot.unread.without_key, 3);
    assert_eq!(snapshot.tally.rejected, 5);
    assert_eq!(staged("", text).unread, Unread::default());
}

#[test]
fn a_row_with_a_field_too_many_does_not_tell_its_key() {
    let snapshot = staged(SNAPSHOT, "code,name,\na,A,\nx,b,B\nb,B,,\n");
    assert!(snapshot.unread.keys.is_empty());
    assert_eq!(snapshot.unread.without_key, 2);
}

#[test]
fn a_snapshot_knows_the_keys_that_it_does_not_use_because_their_rows_differ() {
    let snapshot = staged(
        &format!("{SNAPSHOT}duplicates = \"reject_key\"\n"),
        "code,name\na,A\na,B\na,C\nb,B\nb,B\n",
    );
    assert_eq!(snapshot.unread.keys, [key("a")]);
    assert_eq!(snapshot.unread.without_key, 0);
    assert_eq!(snapshot.rows.len(), 1);
    assert_eq!((snapshot.tally.rejected, snapshot.tally.duplicates), (3, 1));
}

#[test]
fn fields_that_the_table_does_not_have_become_new_columns() {
    let lines = "on_new_column = \"fill_current\"\nnull_tokens = [\"-\"]\nsequence = [\"lsn\"]\n";
    let text = "Phone,code,lsn,name,fax,\n123,a,1,Ann,-,\n,b,1,Bob,x,\n";
    let staged = staged(lines, text);
    let names: Vec<_> = staged
        .added
        .iter()
        .map(|column| column.name.name())
        .collect();
    assert_eq!(names, ["phone", "fax"]);
    assert_eq!(staged.columns, [0, 1, 4, 5]);
    let fields: Vec<_> = staged.fields.iter().map(|field| field.number).collect();
    assert_eq!(fields, [2, 4, 1, 5]);
    let some = |text: &str| Some(text.to_owned());
    let rows = of_each(&staged, |row| cells(&row));
    assert_eq!(
        rows,
        [
            vec![some("a"), some("Ann"), some("123"), None],
            vec![some("b"), some("Bob"), some(""), some("x")],
        ]
    );
}

#[test]
fn a_new_column_is_null_in_a_delete() {
    let lines = format!("{FEED}on_new_column = \"version\"\n");
    let staged = staged(&lines, "op,at,code,name,phone\nd,2024-01-01,a,A,123\n");
    assert_eq!(staged.added.len(), 1);
    let rows = of_each(&staged, |row| cells(&row));
    assert_eq!(rows, [[Some("a".to_owned()), None, None]]);
}

#[test]
fn a_field_that_cannot_be_a_new_column_refuses_the_file() {
    let long = "x".repeat(64);
    let mut told = String::new();
    for name in [
        "phone number",
        "1st",
        "Thing_ID",
        "load_id",
        "xmin",
        "hayloft_key",
        "ann@x.org",
        &long,
    ] {
        let text = format!("code,name,{name}\n");
        let answer = refused("on_new_column = \"version\"\n", &text);
        writeln!(told, "\n{name}\n{answer}").unwrap();
    }
    let twice = refused("on_new_column = \"version\"\n", "code,name,Fax,fax\n");
    writeln!(told, "\n{twice}").unwrap();
    expect![[r"

        phone number
        Column 3 of the header, `phone number`, cannot be the name of a new column: that is a letter or _, then letters, digits and _. Rename the column, or remove it.

        1st
        Column 3 of the header, `1st`, cannot be the name of a new column: that is a letter or _, then letters, digits and _. Rename the column, or remove it.

        Thing_ID
        Column 3 of the header, `Thing_ID`, is one that Hayloft fills itself. Rename the column, or remove it.

        load_id
        Column 3 of the header, `load_id`, is one that Hayloft fills itself. Rename the column, or remove it.

        xmin
        Column 3 of the header, `xmin`, is a name that Postgres or Hayloft keeps for itself. Rename the column, or remove it.

        hayloft_key
        Column 3 of the header, `hayloft_key`, is a name that Postgres or Hayloft keeps for itself. Rename the column, or remove it.

        ann@x.org
        Column 3 of the header, (a name with an @), cannot be the name of a new column: that is a letter or _, then letters, digits and _. Rename the column, or remove it.

        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        Column 3 of the header, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`, is longer than 63 bytes, and Postgres has no such long names. Rename the column, or remove it.

        The header names column `fax` twice, as columns 3 and 4 (names are compared without regard to case). Remove one of them.
    "]].assert_eq(&told);
}

#[test]
fn a_file_that_has_only_what_the_table_has_adds_nothing() {
    for policy in ["fail", "ignore", "fill_current", "version"] {
        let lines = format!("on_new_column = \"{policy}\"\n");
        let staged = staged(&lines, "code,name\na,A\n");
        assert!(staged.added.is_empty(), "{policy}");
        assert_eq!(staged.columns, [0, 1], "{policy}");
    }
    let ignored = staged("on_new_column = \"ignore\"\n", "code,x,name\na,1,A\n");
    assert_eq!(ignored.columns, [0, 1]);
    let message = refused("", "code,x,name\na,1,A\n");
    assert!(
        message.contains("`x`, is not in table `things`"),
        "{message}"
    );
}

/// Rows of every kind, often: good ones, with quoted line ends and without; ambiguous times; rows of
/// one key that differ or are the same; rejects of rows and of records.
fn rows_of_every_kind() -> String {
    let mut text = "\u{feff}op,at,code,name,price,lsn\r\n".to_owned();
    for number in 0..40 {
        let key = number % 17;
        write!(
            text,
            "i,2024-01-0{day},k{key},\"A, \"\"n\"\"\r\nof {number}\",{number},{number}\n\
             i,2024-10-27 02:30:00,k{number},ambiguous,,-{number}\r\n\
             d,2024-02-01,k{key},,,7\n\
             \n\
             i,2024-01-01,k{number},many,many,1.5\n\
             i,2024-01-01,,nobody,1,1\n\
             i,2024-01-01,k{number},\"mis\"quoted,1,1\n\
             i,2024-01-01,too,few\r\
             op,at,code,name,price,lsn\n\
             u,2024-02-01,k{key},{long},,7\n",
            day = number % 9 + 1,
            long = "long ".repeat(number),
        )
        .unwrap();
    }
    text + "i,2024-03-01,last,without a line end,1,1"
}

/// All that staging says of a file, but for the way back to its bytes.
fn all_told(mut staged: Staged) -> String {
    let mut told = format!(
        "{:?}\n{:?} {:?} {:?}\n{:?}\n{:?}\n",
        staged.delivery,
        staged.columns,
        staged.fields,
        staged.added,
        staged.tally,
        (&staged.unread.keys, staged.unread.without_key),
    );
    let mut rows = staged.rows.in_order();
    while let Some(row) = rows.next_row().unwrap() {
        writeln!(told, "{row:?}").unwrap();
    }
    (staged.findings)
        .read_back(|finding: Finding| {
            writeln!(told, "{finding:?}").unwrap();
            Ok::<_, io::Error>(())
        })
        .unwrap();
    told
}

/// What those rows may be for.
const BY_COLUMN: &str = "effective = { column = \"at\" }\nzone = \"Europe/Berlin\"\n\
                         sequence = [\"lsn\"]\n";
const AS_FEED: &str = "mode = \"feed\"\nop = \"op\"\n";
const WITHOUT_OP: &str = "on_new_column = \"ignore\"\nduplicates = ";

const BATCHES: [usize; 7] = [1, 150, 400, 1_000, 3_000, 10_000, 100_000];

#[test]
fn where_one_batch_ends_and_the_next_begins_makes_no_difference() {
    let text = rows_of_every_kind();
    let in_memory = Limits::default();
    let on_disk = Limits {
        memory_bytes: 2_000,
        ..in_memory
    };
    for (lines, word) in [
        (AS_FEED.to_owned(), "ConflictingDuplicate"),
        (format!("{WITHOUT_OP}\"reject_key\"\n"), "ContestedKey"),
    ] {
        let contract = contract(&format!("{BY_COLUMN}{lines}"));
        for limits in [in_memory, on_disk] {
            let told = |batch_bytes| {
                all_told(stage_text_by(&contract, &text, batch_bytes, &limits).unwrap())
            };
            let at_once = told(usize::MAX);
            for word in [word, "read: 401", "AmbiguousTime", "BlankLine", "BadType"] {
                assert!(at_once.contains(word), "{word}");
            }
            for batch_bytes in BATCHES {
                assert_eq!(told(batch_bytes), at_once, "{batch_bytes}");
            }
        }
    }
}

#[test]
fn a_snapshot_knows_the_same_rejected_keys_in_batches_of_any_size() {
    let contract = contract("mode = \"snapshot\"\non_new_column = \"ignore\"\n");
    let text = rows_of_every_kind();
    let told = |batch_bytes| {
        all_told(stage_text_by(&contract, &text, batch_bytes, &Limits::default()).unwrap())
    };
    let at_once = told(usize::MAX);
    for batch_bytes in BATCHES {
        assert_eq!(told(batch_bytes), at_once, "{batch_bytes}");
    }
}

#[test]
fn a_file_that_is_refused_in_a_later_batch_is_refused_with_the_same_words() {
    let text = rows_of_every_kind();
    let unclosed = format!("{text}\ni,2024-03-01,\"x,y,1,1\n");
    for (lines, text) in [
        (AS_FEED.to_owned(), &unclosed),
        (format!("{WITHOUT_OP}\"fail_file\"\n"), &text),
    ] {
        let contract = contract(&format!("{BY_COLUMN}{lines}"));
        let refused = |batch_bytes| {
            let staged = stage_text_by(&contract, text, batch_bytes, &Limits::default());
            staged.unwrap_err().to_string()
        };
        let at_once = refused(usize::MAX);
        for batch_bytes in BATCHES {
            assert_eq!(refused(batch_bytes), at_once, "{batch_bytes}");
        }
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_read_has_changed() {
    use std::os::unix::fs::FileExt as _;

    let file = tempfile::tempfile().unwrap();
    let error = file.read_exact_at(&mut [0; 4], 10).unwrap_err();
    assert!(matches!(StageFault::of_reading(error), StageFault::Changed));
    let other = std::io::Error::other("a disk that is gone");
    let fault = StageFault::of_reading(other);
    assert!(matches!(fault, StageFault::Unreadable(_)));
}
