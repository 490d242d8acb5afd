//! B40–B47, B54, B55: one value of one type at a time, from its field to what Postgres has of it.
//!
//! The samples of a type go through in one file, one row each; a row that is a reject is told by
//! its line and column, and nothing that is said repeats the value.

mod numbers;
mod texts;
mod times;

use std::fmt::Write as _;

use super::{Done, Table};
use crate::support::Warehouse;

/// A field, as it stands in the file, and what becomes of it.
type Sample = (&'static str, &'static str, Fate);

enum Fate {
    /// Stored; the value as Postgres writes it.
    Is(&'static str),
    /// Stored as NULL.
    Null,
    /// A reject of this kind, with this part of its sentence.
    Bad(&'static str, &'static str),
}

use Fate::{Bad, Is, Null};

const SAMPLES: Table = Table {
    name: "samples",
    told_by: "label",
};

/// A column of each type, each of which may be NULL but one.
fn samples() -> Warehouse {
    let warehouse = Warehouse::with_contract(
        r#"
[tables.samples]
kind        = "fact"
key         = ["label"]
null_tokens = ["\\N", "NA"]

[tables.samples.guards]
max_reject_fraction = 1.0

[tables.samples.columns]
british  = { format = "%d/%m/%Y" }
american = { format = "%m/%d/%Y" }
spoken   = { format = "%e %B %Y" }
local    = { zone = "Europe/Berlin" }
stamped  = { format = "%d/%m/%Y %H:%M" }
note     = { empty_as = "null" }
blank    = { null_tokens = [] }
"#,
    );
    warehouse.execute(
        "create type datawarehouse.colour as enum ('red', 'dark blue');
         create table datawarehouse.samples (
            label text primary key,
            small smallint, whole integer, big bigint, money numeric(5, 2), exact numeric,
            near real, double double precision, flag boolean,
            british date, american date, spoken date, iso date,
            stamp timestamp, instant timestamptz, local timestamptz, stamped timestamptz,
            number uuid, free text, note text, blank text, short varchar(5),
            document jsonb, raw json, colour datawarehouse.colour, address inet,
            load_id bigint not null, source_line bigint not null);
         create table datawarehouse.needs (
            label text primary key, whole integer not null, free text not null,
            load_id bigint not null, source_line bigint not null)",
    );
    warehouse
}

/// Loads the samples of a column, and tells of all that became of them otherwise than expected.
#[track_caller]
fn try_column(warehouse: &Warehouse, column: &str, samples: &[Sample]) {
    // The last row is good, so that a file of bad samples is not refused for having no other.
    let mut file = format!("label,{column}\n");
    let mut lines = Vec::new();
    for (number, (fault, field, _)) in samples.iter().enumerate() {
        lines.push(file.lines().count() as u64 + 1);
        let _ = writeln!(file, "{column} {number} {fault},{field}");
    }
    let _ = writeln!(file, "{column} end,");
    let done = Done::load(warehouse, &SAMPLES, "samples.csv", file.as_bytes());

    let mut surprises = String::new();
    for (line, (fault, field, fate)) in lines.into_iter().zip(samples) {
        let found = found(warehouse, &done, column, line);
        let is_right = match fate {
            Is(value) => found == format!("is {value}"),
            Null => found == "is ∅",
            Bad(kind, says) => found
                .strip_prefix(&format!("bad {kind}: "))
                .is_some_and(|message| message.contains(says)),
        };
        if !is_right {
            let _ = writeln!(surprises, "{fault} {column} {field:?}: {found}");
        }
        if is_repeated(&done, line, field) {
            let _ = writeln!(surprises, "{fault} {column}: {field:?} is repeated");
        }
    }
    assert!(surprises.is_empty(), "\n{surprises}{:#?}", done.run);
    let read = samples.len() as u64 + 1;
    assert_eq!(done.count("read"), read);
}

/// What became of the sample on a line.
fn found(warehouse: &Warehouse, done: &Done, column: &str, line: u64) -> String {
    if let Some(reject) = done.rejects.iter().find(|reject| reject.line == line) {
        let at = (reject.number, reject.column.as_deref());
        assert_eq!(at, (Some(2), Some(column)), "{reject:?}");
        return format!("bad {}: {}", reject.kind, reject.message);
    }
    let load_id = &done.said["load_id"];
    let value = warehouse.query(&format!(
        "select {column} from datawarehouse.samples
         where load_id = {load_id} and source_line = {line}"
    ));
    match value.strip_suffix('\n') {
        Some(value) => format!("is {value}"),
        None => "nowhere".to_owned(),
    }
}

/// Whether the sentence about a reject, or anything else that was said, has the field as a word of
/// its own.
fn is_repeated(done: &Done, line: u64, field: &str) -> bool {
    let value = field.trim_matches('"').trim();
    // What is shorter is found by chance, in counts and in the words of a rule.
    let is_telling = value.chars().count() >= 4;
    let own = done.rejects.iter().filter(|reject| reject.line == line);
    let own = own.map(|reject| reject.message.clone());
    let mut said = done.said.clone();
    said.as_object_mut().unwrap().remove("seconds");
    let mut texts = own.chain([said.to_string(), done.run.stderr.clone()]);
    is_telling && texts.any(|text| has_word(&text, value))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '-');
    text.match_indices(word).any(|(at, _)| {
        is_apart(text[..at].chars().next_back()) && is_apart(text[at + word.len()..].chars().next())
    })
}

#[test]
fn b40_what_is_nothing_depends_on_the_type_and_on_the_contract() {
    let warehouse = samples();
    let number = "is not a whole number";
    try_column(
        &warehouse,
        "whole",
        &[
            ("B40", "", Null),
            ("B40", "\"\"", Null),
            ("B40", "\\N", Null),
            ("B40", "NA", Null),
            ("B40", "na", Bad("bad_type", number)),
            ("B40", "NULL", Bad("bad_type", number)),
            ("B40", "null", Bad("bad_type", number)),
            ("B40", "nan", Bad("bad_type", number)),
            ("B40", " ", Bad("bad_type", number)),
            ("B40", "-", Bad("bad_type", number)),
        ],
    );
    // Of a text the empty one is a value, unless the contract says otherwise.
    try_column(
        &warehouse,
        "free",
        &[
            ("B40", "", Is("")),
            ("B40", "\"\"", Is("")),
            ("B40", "NA", Null),
            ("B40", "NULL", Is("NULL")),
            ("B40", " ", Is(" ")),
            ("B40", " NA", Is(" NA")),
        ],
    );
    try_column(
        &warehouse,
        "note",
        &[
            ("B40", "", Null),
            ("B40", "\"\"", Null),
            ("B40", " ", Is(" ")),
        ],
    );
    try_column(
        &warehouse,
        "blank",
        &[
            ("B40", "", Is("")),
            ("B40", "NA", Is("NA")),
            ("B40", "\\N", Is("\\N")),
        ],
    );
}

#[test]
fn b41_a_row_without_a_value_that_it_must_have_is_a_reject_for_each_such_column() {
    let warehouse = samples();
    let toml = "[tables.needs]\nkind = \"fact\"\nkey = [\"label\"]\nnull_tokens = [\"-\"]\n";
    warehouse.write("hayloft.toml", toml);
    let file = "label,whole,free\na,1,x\nb,,x\n,1,x\nd,,-\ne,1,\n , , \n";
    let needs = Table {
        name: "needs",
        told_by: "label",
    };
    let done = Done::load(&warehouse, &needs, "needs.csv", file.as_bytes());
    assert_eq!(done.rows, ["2 a", "6 e"]);
    let told: Vec<_> = done
        .rejects
        .iter()
        .map(|it| {
            (
                it.line,
                it.number.unwrap(),
                it.column.as_deref().unwrap(),
                &*it.kind,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (3, 2, "whole", "not_null"),
            (4, 1, "label", "null_key"),
            (5, 2, "whole", "not_null"),
            (5, 3, "free", "not_null"),
            (7, 1, "label", "null_key"),
            (7, 2, "whole", "bad_type"),
        ]
    );
    assert_eq!(done.count("rejected"), 4);
}
