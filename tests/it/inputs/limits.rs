//! B32–B34: sizes. What is over a limit is a reject or a refusal, and never a crash.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::Command;

use super::{ANN, BOB, H, Table, USERS, loaded, refused, rejecting, try_out, users};
use crate::support::{HAYLOFT_TOML, Warehouse};

#[test]
fn b32_a_field_a_row_and_a_file_may_be_as_long_as_their_limits() {
    let limits = "[limits]\nfield_bytes = 1000\nrecord_bytes = 2000\nfile_bytes = 10_000\n";
    let warehouse = Warehouse::with_contract(&format!("{HAYLOFT_TOML}\n{limits}"));
    // A date of three fields' worth is no date, so these rows are told apart by why they fail.
    let with = |row: String| format!("{H}{ANN}{row}\n{BOB}");
    let row = |name: usize| with(format!("a@b.c,{},01/02/1990", "x".repeat(name)));
    let long = |bytes: usize| {
        let start = format!("a@b.c,{},", "x".repeat(1000));
        with(start.clone() + &"9".repeat(bytes - start.len()))
    };
    let (both, one) = (&["2 Ann", "4 Bob"], "length(name)");
    let by_length = Table {
        name: "users",
        told_by: one,
    };
    try_out(
        &warehouse,
        &by_length,
        &[loaded(
            "B32",
            "a field at the limit",
            row(1000),
            &["2 3", "3 1000", "4 3"],
        )],
    );
    try_out(
        &warehouse,
        &USERS,
        &[
            rejecting(
                "B32",
                "a field over the limit",
                row(1001),
                both,
                &[(
                    3,
                    "name",
                    "too_long",
                    "longer than 1000 bytes, the most that are read (limits.field_bytes)",
                )],
            ),
            rejecting(
                "B32",
                "a row at the limit",
                long(2000),
                both,
                &[(3, "date_of_birth", "bad_type", "date")],
            ),
            rejecting(
                "B32",
                "a row over the limit",
                long(2001),
                both,
                &[(
                    3,
                    "",
                    "too_long",
                    "2001 bytes long, and 2000 is the most that are read (limits.record_bytes)",
                )],
            ),
            rejecting(
                "B32",
                "a row over the limit, of many quoted lines",
                with(format!("a@b.c,\"{}\",01/02/1990", "x\n".repeat(1000))),
                &["2 Ann", "1004 Bob"],
                &[(3, "", "too_long", "limits.record_bytes")],
            ),
            refused(
                "B32",
                "a header over the limit",
                format!("{},{}\n{ANN}", H.trim_end(), "x".repeat(2000)),
                &["header", "longer than 2000 bytes (limits.record_bytes)"],
            ),
            refused(
                "B32",
                "a file over the limit",
                H.to_owned() + &ANN.repeat(400),
                &["has 10025 bytes", "limits.file_bytes allows 10000"],
            ),
            refused(
                "B13",
                "a quote that never closes, over the limit of a row",
                format!("{H}{ANN}a@b.c,\"{}", "x\n".repeat(2000)),
                &["quote", "line 3", "never closed"],
            ),
        ],
    );
}

#[test]
fn b32_a_field_of_a_mebibyte_is_loaded_and_one_byte_more_is_too_long() {
    let by_length = Table {
        name: "users",
        told_by: "length(name)",
    };
    let row = |name: usize| format!("{H}{ANN}a@b.c,{},01/02/1990\n{BOB}", "x".repeat(name));
    try_out(
        &users(),
        &by_length,
        &[
            loaded("B32", "1 MiB", row(1 << 20), &["2 3", "3 1048576", "4 3"]),
            rejecting(
                "B32",
                "1 MiB and 1 byte",
                row((1 << 20) + 1),
                &["2 3", "4 3"],
                &[(3, "name", "too_long", "limits.field_bytes")],
            ),
            rejecting(
                "B32",
                "9 MiB",
                row(9 << 20),
                &["2 3", "4 3"],
                &[(3, "", "too_long", "limits.record_bytes")],
            ),
        ],
    );
}

/// Half a gibibyte in one field, as a hole in a file.
#[test]
fn b32_a_row_that_no_memory_holds_refuses_its_file_in_little_memory() {
    const MEBIBYTE: u64 = 1 << 20;
    let warehouse = users();
    let path = warehouse.write("users.csv", format!("{H}{ANN}a@b.c,"));
    let mut file = File::options().append(true).open(&path).unwrap();
    file.set_len(512 * MEBIBYTE).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    write!(file, ",01/02/1990\n{BOB}").unwrap();
    drop(file);

    let output = Command::new("prlimit")
        .arg(format!("--as={}", 400 * MEBIBYTE))
        .arg(env!("CARGO_BIN_EXE_hayloft"))
        .args(["load", "users.csv"])
        .current_dir(warehouse.folder())
        .env("DATABASE_URL", warehouse.url())
        // An arena a thread takes up addresses, though no memory.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for part in [
        "The row on line 3 has 536870873 bytes",
        "more than 67108864",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert_eq!(warehouse.users(), "");
    assert_eq!(
        warehouse.query("select status from hayloft.load"),
        "failed\n"
    );
}

const PARTS: Table = Table {
    name: "parts",
    told_by: "length(a)",
};

#[test]
fn b33_a_key_that_no_index_takes_is_a_reject() {
    let address = |bytes: usize| "x".repeat(bytes - "@x.org".len()) + "@x.org";
    let row = |address: &str| format!("{H}{ANN}{address},x,01/02/1990\n");
    try_out(
        &users(),
        &USERS,
        &[
            loaded("B33", "254 bytes", row(&address(254)), &["2 Ann", "3 x"]),
            rejecting(
                "B33",
                "255 bytes",
                row(&address(255)),
                &["2 Ann"],
                &[(3, "email", "overflow", "longer than 254 bytes")],
            ),
            rejecting(
                "B33",
                "6 KB",
                row(&address(6_000)),
                &["2 Ann"],
                &[(3, "email", "overflow", "longer than 254 bytes")],
            ),
        ],
    );
    let warehouse =
        Warehouse::with_contract("[tables.parts]\nkind = \"fact\"\nkey = [\"a\", \"b\", \"c\"]\n");
    warehouse.execute(
        "create table datawarehouse.parts (
            a text, b text, c text, load_id bigint not null, source_line bigint not null,
            primary key (a, b, c))",
    );
    let parts = |row: [String; 3]| format!("a,b,c\n1,2,3\n{}\n", row.join(","));
    try_out(
        &warehouse,
        &PARTS,
        &[
            rejecting(
                "B33",
                "a part of 1,001 bytes",
                parts([noise(1001), noise(1), noise(1)]),
                &["2 1"],
                &[(3, "a", "overflow", "too many for a part of a key")],
            ),
            rejecting(
                "B33",
                "three parts of 1,000 bytes",
                parts([noise(1000), noise(1000), noise(1000)]),
                &["2 1"],
                &[(3, "", "check_failed", "parts_pkey")],
            ),
        ],
    );
}

/// Text that Postgres cannot make shorter.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    (0..length).map(|_| letter()).collect()
}

#[test]
fn b34_more_rows_than_a_statement_has_parameters_are_loaded() {
    const ROWS: u64 = 70_000;
    let warehouse = users();
    let mut file = H.to_owned();
    for number in 0..ROWS {
        file += &format!("u{number}@x.org,User {number},01/02/1990\n");
    }
    let load = warehouse.load("users.csv", &file).exits(0).only();
    assert_eq!(load["rows"]["accepted"], ROWS);
    assert_eq!(
        warehouse.query(
            "select count(*), count(distinct user_id), min(source_line), max(source_line)
             from datawarehouse.users where name = 'User ' || source_line - 2"
        ),
        "70000 | 70000 | 2 | 70001\n"
    );
    // A tenth of them changes, and as many are rejects.
    let changed = file
        .replace("5,01/02", "5,02/02")
        .replace("7,01/02", "7,31/02");
    let toml = HAYLOFT_TOML.replace(
        "[tables.users.columns]",
        "[tables.users.guards]\nmax_reject_fraction = 0.5\n\n[tables.users.columns]",
    );
    warehouse.write("hayloft.toml", toml);
    let load = warehouse.load("users.csv", changed).exits(1).only();
    assert_eq!(load["changes"]["deactivated"], 7_000);
    assert_eq!(load["rows"]["rejected"], 7_000);
    assert_eq!(
        warehouse
            .query("select count(*), count(*) filter (where line % 10 = 9) from hayloft.reject"),
        "7000 | 7000\n"
    );
}
