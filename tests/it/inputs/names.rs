//! B80–B83: file names, dropped into the folder that is watched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::{H, users};
use crate::support::{Warehouse, Watch};

/// Drops a file under a name of any bytes, by a rename.
fn drop_file(warehouse: &Warehouse, name: impl AsRef<OsStr>, content: &str) {
    let written = warehouse.write("outbox/file", content);
    fs::rename(written, warehouse.path("imports").join(name.as_ref())).unwrap();
}

/// The longest name that there is room for beside a claim's id: a name has 255 bytes at most.
const LONGEST: usize = 218;

/// A file about one person, who is named for its number.
fn file(number: usize) -> String {
    format!("{H}u{number}@x.org,User {number},01/02/1990\n")
}

/// What lies in the folder, without what Hayloft keeps there.
fn lying_in(warehouse: &Warehouse) -> Vec<OsString> {
    let entries = fs::read_dir(warehouse.path("imports")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names
        .filter(|name| name != ".claimed" && name != ".hayloft.lock")
        .collect();
    names.sort();
    names
}

/// Nothing that was dropped before is still to be told of: a file that comes later is loaded.
fn until_a_later_file_is_loaded(watch: &Watch, warehouse: &Warehouse) {
    drop_file(warehouse, "users-sentinel.csv", &file(999));
    while watch.next_load()["file"] != "users-sentinel.csv" {}
}

#[test]
fn b80_b82_b83_a_name_for_a_table_is_loaded_however_odd_it_is() {
    let longest = format!("users-{}.csv", "x".repeat(LONGEST - "users-.csv".len()));
    let table: &[(&[u8], &str)] = &[
        (b"Users.CSV", "Users.CSV"),
        (b"users (1).csv", "users (1).csv"),
        (b"users-2024-01-01.csv", "users-2024-01-01.csv"),
        (b"users.public.csv", "users.public.csv"),
        (b"users-\xff.csv", "users-\\xff.csv"),
        (b"users-a\nb.csv", "users-a\\nb.csv"),
        (b"users-a\tb.csv", "users-a\\tb.csv"),
        (b"users-\x1b[31mred.csv", "users-\\u{1b}[31mred.csv"),
        ("users-\u{202e}vsc.csv".as_bytes(), "users-\\u{202e}vsc.csv"),
        ("users-🐎.csv".as_bytes(), "users-🐎.csv"),
        (b"users .csv", "users .csv"),
        (
            b"users-\"; drop table x;--.csv",
            "users-\"; drop table x;--.csv",
        ),
        (
            b"users-'; drop schema hayloft cascade;--.csv",
            "users-'; drop schema hayloft cascade;--.csv",
        ),
        (b"users-$(touch owned).csv", "users-$(touch owned).csv"),
        (b"users-`touch owned`.csv", "users-`touch owned`.csv"),
        (b"users-%s%n.csv", "users-%s%n.csv"),
        (b"users-%2e%2e.csv", "users-%2e%2e.csv"),
        (b"users-<img src=x>.csv", "users-<img src=x>.csv"),
        (longest.as_bytes(), &longest),
    ];
    let warehouse = users();
    let watch = warehouse.watch();
    for (number, (name, shown)) in table.iter().enumerate() {
        drop_file(&warehouse, OsStr::from_bytes(name), &file(number));
        let load = watch.next_load();
        assert_eq!(
            (load["file"].as_str(), load["status"].as_str()),
            (Some(*shown), Some("loaded"))
        );
    }
    let loaded = warehouse.query("select count(*) from datawarehouse.users");
    assert_eq!(loaded, format!("{}\n", table.len()));
    assert!(lying_in(&warehouse).is_empty());
    assert!(!warehouse.path("owned").exists() && !warehouse.path("imports/owned").exists());
    for line in watch.said() {
        assert!(
            !line.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{line:?}"
        );
    }
    assert_eq!(watch.stop(), 0);
}

#[test]
fn b80_b82_b83_a_name_for_no_table_is_said_and_left_where_it_is() {
    let too_long = format!("users-{}.csv", "x".repeat(LONGEST + 1 - "users-.csv".len()));
    let full_length = format!("users-{}.csv", "x".repeat(255 - "users-.csv".len()));
    let table: &[(&[u8], &str)] = &[
        (too_long.as_bytes(), &too_long),
        (full_length.as_bytes(), &full_length),
        (b"users.csv.gz", "users.csv.gz"),
        (b"public.users.csv", "public.users.csv"),
        (b"pg_authid.csv", "pg_authid.csv"),
        (b"hayloft.load.csv", "hayloft.load.csv"),
        (b"users.xlsx", "users.xlsx"),
        (b"users", "users"),
        (b"users.csv ", "users.csv "),
        (b" users.csv", " users.csv"),
        (b"-users.csv", "-users.csv"),
        (b"--again.csv", "--again.csv"),
        (b"\xff.csv", "\\xff.csv"),
        (b"\x1b[2J.csv", "\\u{1b}[2J.csv"),
        (b"a\nerror: b.csv", "a\\nerror: b.csv"),
        ("\u{202e}vsc.sresu".as_bytes(), "\\u{202e}vsc.sresu"),
        (
            b"users\"; drop table x;--.csv",
            "users\"; drop table x;--.csv",
        ),
        (b"$(id).csv", "$(id).csv"),
        (b"%2e%2e.csv", "%2e%2e.csv"),
        (b"<img src=x>.csv", "<img src=x>.csv"),
    ];
    let warehouse = users();
    let watch = warehouse.watch();
    for (number, (name, shown)) in table.iter().enumerate() {
        drop_file(&warehouse, OsStr::from_bytes(name), &file(number));
        let said = watch.wait_for("is left where it is");
        assert!(said.contains(&format!("`{shown}`")), "{said}");
        assert!(
            !said.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{said:?}"
        );
    }
    until_a_later_file_is_loaded(&watch, &warehouse);
    assert_eq!(watch.stop(), 0);
    let mut names: Vec<_> = table
        .iter()
        .map(|(name, _)| OsString::from_vec(name.to_vec()))
        .collect();
    names.sort();
    assert_eq!(lying_in(&warehouse), names);
    for (number, (name, _)) in table.iter().enumerate() {
        let path = warehouse.path("imports").join(OsStr::from_bytes(name));
        assert_eq!(fs::read_to_string(path).unwrap(), file(number));
    }
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "1\n");
}

#[test]
fn b81_a_name_of_a_file_in_the_making_is_not_spoken_of_until_it_is_renamed() {
    const NAMES: &[&str] = &[
        ".users.csv",
        "._users.csv",
        ".DS_Store",
        "users.csv~",
        "users.csv.part",
        "users.csv.partial",
        "users.csv.filepart",
        "users.csv.crdownload",
        "users.csv.tmp",
        ".users.csv.swp",
        "USERS.CSV.TMP",
    ];
    let warehouse = users();
    let watch = warehouse.watch();
    for (number, name) in NAMES.iter().enumerate() {
        drop_file(&warehouse, name, &file(number));
    }
    until_a_later_file_is_loaded(&watch, &warehouse);
    let said = watch.said();
    assert!(
        said.iter().all(|line| !line.contains("left where it is")),
        "{said:?}"
    );
    assert_eq!(lying_in(&warehouse).len(), NAMES.len());
    for (number, name) in NAMES.iter().enumerate() {
        let imports = warehouse.path("imports");
        let ready = format!("users-{number}.csv");
        fs::rename(imports.join(name), imports.join(&ready)).unwrap();
        assert_eq!(watch.next_load()["file"], ready);
    }
    assert_eq!(watch.stop(), 0);
    assert!(lying_in(&warehouse).is_empty());
}

#[test]
fn b80_b83_a_file_that_is_typed_with_an_odd_name_is_loaded_or_refused_the_same() {
    let warehouse = users();
    for (name, says) in [
        ("public.users.csv", "does not say which table"),
        (".users.csv", "does not say which table"),
        ("$(id).csv", "does not say which table"),
        ("users.csv.gz", "Only .csv files are read"),
        ("users.csv.part", "does not say which table"),
    ] {
        let run = warehouse.load(name, file(0)).exits(2);
        assert!(
            run.stderr.contains(says) && run.stdout.is_empty(),
            "{name}: {run:#?}"
        );
    }
    warehouse.write("-users.csv", file(1));
    let typed = [
        "load",
        "--format",
        "json",
        "--table",
        "users",
        "--",
        "-users.csv",
    ];
    assert_eq!(warehouse.run(&typed).exits(0).only()["file"], "-users.csv");
    let typed = ["load", "--table", "pg_authid", "--", "-users.csv"];
    let run = warehouse.run(&typed).exits(2);
    assert!(
        run.stderr
            .contains("`pg_authid` is not a table of hayloft.toml"),
        "{run:#?}"
    );
    assert_eq!(warehouse.query("select count(*) from hayloft.load"), "1\n");
}
