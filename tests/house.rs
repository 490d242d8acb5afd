//! The house rules of ARCHITECTURE.md, checked on the sources themselves.
//!
//! Each rule says what one room never does. The compiler holds some of them (nobody but `merge` can
//! make a receipt); these tests hold the others, by looking for the words that would break them.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// One file: where it is, seen from `src/`, and its code without comments and unit tests.
struct Source {
    place: String,
    code: String,
}

/// The sources below a folder or at a file of `src/`.
fn sources(room: &str) -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    gather(&src.join(room), &mut paths);
    assert!(!paths.is_empty(), "there are sources in src/{room}");
    paths
        .into_iter()
        .map(|path| (path.strip_prefix(&src).unwrap().to_owned(), path))
        .filter(|(place, _)| !is_test(place))
        .map(|(place, path)| Source {
            place: place.display().to_string(),
            code: code(&fs::read_to_string(&path).unwrap()),
        })
        .collect()
}

fn gather(path: &Path, paths: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            gather(&entry.unwrap().path(), paths);
        }
        return;
    }
    if path.extension().is_some_and(|ending| ending == "rs") {
        paths.push(path.to_owned());
    }
}

fn is_test(place: &Path) -> bool {
    place
        .iter()
        .any(|part| part == "tests" || part == "tests.rs")
}

fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    before_tests
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Fails where a room says one of the words more often than it may; `allowed` gives, for a file,
/// how often it may say a word.
fn check(room: &str, words: &[&str], allowed: &[(&str, &str, usize)]) {
    let sources = sources(room);
    for Source { place, code } in &sources {
        for word in words {
            let times = allowed
                .iter()
                .find(|(at, what, _)| at == place && what == word)
                .map_or(0, |(_, _, times)| *times);
            assert_eq!(code.matches(word).count(), times, "{word} in src/{place}");
        }
    }
    for (place, _, _) in allowed {
        let known = sources.iter().any(|source| source.place == *place);
        assert!(known, "src/{place} is allowed something, and is not there");
    }
}

#[test]
fn stage_never_speaks_to_postgres() {
    let words = [
        "diesel",
        "PgConnection",
        "crate::db",
        "crate::merge",
        "sql_query",
    ];
    check("stage", &words, &[]);
}

#[test]
fn merge_never_sees_a_path_or_a_format() {
    let words = [
        "Path",
        "std::fs",
        "File::",
        "csv",
        "crate::watch",
        "crate::retire",
        "contract::file",
    ];
    check("merge", &words, &[]);
}

#[test]
fn only_retire_removes_a_file() {
    // The embedded server's own files, in a folder of its own, are nobody's deliveries.
    let allowed = [
        // A person's file, and the report that an earlier try left; and its import.
        ("retire.rs", "unlink", 3),
        ("db/embedded/server.rs", "remove_file", 1),
        ("db/embedded/cluster.rs", "remove_dir", 2),
        // The half of an export that could not be finished, which it has made itself.
        ("commands/rejects/export.rs", "remove_file", 1),
    ];
    let words = [
        "remove_file",
        "remove_dir",
        "unlink",
        "set_len(",
        "truncate(true)",
    ];
    check("", &words, &allowed);
}

#[test]
fn only_the_watch_and_retire_rename_a_file() {
    let allowed = [
        ("watch/folder.rs", "renameat_with", 2),
        ("retire.rs", "renameat_with", 2),
        // A new cluster is made aside and put into its place whole.
        ("db/embedded/place.rs", "fs::rename", 1),
    ];
    check("", &["renameat_with", "fs::rename"], &allowed);
}

#[test]
fn only_the_contract_vouches_for_a_name_that_is_not_a_constant() {
    // Lists of constants: Hayloft's own columns of the landing table and of the ledger; numbered ones
    // of tables that a refold and a takeover make; and a table that the catalog was just asked for, and
    // has.
    const LISTS: [(&str, usize); 7] = [
        ("merge/sql/landing.rs", 1),
        ("merge/sql/dimension.rs", 1),
        ("merge/rejects.rs", 1),
        ("merge/history/record.rs", 2),
        ("merge/history/facts/record.rs", 2),
        ("merge/takeover/bring.rs", 1),
        ("status/tables.rs", 1),
    ];
    for Source { place, code } in sources("") {
        if place.starts_with("contract/") {
            continue;
        }
        let mut others = 0;
        for after in code.split("Ident::vouched").skip(1) {
            match after.as_bytes() {
                [b'(', b'"', ..] => {}
                [b'(', first, second, ..]
                    if first.is_ascii_uppercase() && second.is_ascii_uppercase() => {}
                _ => others += 1,
            }
        }
        let allowed = LISTS
            .iter()
            .find(|(at, _)| *at == place)
            .map_or(0, |(_, times)| *times);
        assert_eq!(others, allowed, "a name is vouched for in src/{place}");
    }
}

#[test]
fn a_header_makes_a_name_only_where_the_table_is_asked_whether_it_can_have_it() {
    let allowed = [
        ("contract/ident.rs", "of_new_column", 1),
        ("contract/new_column.rs", "of_new_column", 1),
    ];
    check("", &["of_new_column"], &allowed);
}

#[test]
fn statements_are_put_together_in_one_file_and_from_quoted_names() {
    // A bare name becomes a quoted literal, once, as the key of a JSON object. The others are told
    // to the ledger as binds, or compared with what it says.
    let words = ["TableName", ".as_str()", ".name()"];
    let sql = "merge/sql.rs";
    check(sql, &words, &[(sql, ".name()", 1), (sql, ".as_str()", 1)]);
    let history = "merge/sql/history.rs";
    check(history, &words, &[(history, ".as_str()", 1)]);
    check("merge/sql/facts.rs", &words, &[]);
    check("merge/sql/dimension.rs", &words, &[]);
    // The same here; and a column is looked for by its name.
    let allowed = [
        ("history/sql.rs", ".name()", 1),
        ("history/sql/views.rs", ".name()", 1),
    ];
    for room in ["history/sql.rs", "history/sql"] {
        let here = allowed
            .into_iter()
            .filter(|(place, ..)| place.starts_with(&format!("{room}/")) || *place == room);
        check(room, &words, &here.collect::<Vec<_>>());
    }
    for Source { place, code } in sources("") {
        for call in ["sql_query(", "batch_execute("] {
            for after in code.split(call).skip(1) {
                let made_here = after
                    .trim_start()
                    .trim_start_matches('&')
                    .starts_with("format!");
                let is_constant = after.starts_with("format!(\"analyze {}\", sql::LANDING)");
                assert!(
                    !made_here || is_constant,
                    "a statement is put together in src/{place}"
                );
            }
        }
    }
}

#[test]
fn the_rooms_that_see_rows_log_nothing() {
    let words = ["tracing", "print!", "println!", "stderr", "stdout"];
    for room in [
        "stage",
        "merge",
        "contract",
        "history",
        "retire.rs",
        "wire.rs",
    ] {
        check(room, &words, &[]);
    }
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        gather(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut paths,
        );
    }
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} has no introduction",
            path.display()
        );
    }
}

#[test]
fn every_test_that_the_architecture_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut paths = Vec::new();
    gather(&root.join("src"), &mut paths);
    gather(&root.join("tests"), &mut paths);
    let sources: Vec<String> = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    // Names of tests are sentences: long, and with underscores for spaces.
    let named = architecture.split('`').skip(1).step_by(2);
    let tests: Vec<&str> = named
        .filter(|name| name.matches('_').count() >= 3 && !name.contains(['=', '.', ' ']))
        .collect();
    assert!(tests.len() >= 9, "{tests:?}");
    for test in tests {
        let definition = format!("fn {test}()");
        assert!(
            sources.iter().any(|source| source.contains(&definition)),
            "{test}"
        );
    }
}

#[test]
fn a_transaction_commits_only_what_the_server_answered_for() {
    // Diesel's own commits, and goes on, whatever became of a reply.
    check("", &[".transaction(", ".transaction::<"], &[]);
}

#[test]
fn a_statement_is_run_only_where_replies_are_in_step() {
    // Diesel's own methods ask a session whatever became of a reply, and panic at the end of another one.
    check(
        "",
        &["diesel::prelude", "RunQueryDsl"],
        &[
            ("db/copy.rs", "diesel::prelude", 1),
            ("db/prelude.rs", "diesel::prelude", 1),
            ("db/prepared.rs", "RunQueryDsl", 1),
            ("db/run.rs", "RunQueryDsl", 7),
        ],
    );
}
