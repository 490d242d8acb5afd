//! The table that a file's rows land in, and what is asked of the values that only the server can
//! read or check.

use std::fmt::Write as _;

use super::history::texts;
use super::{LANDING, Shape, distinct_texts};
use crate::contract::{Column, ColumnType, Equality, Ident, ServerType};
use crate::stage::digest::Form;

/// Makes the table that the file's rows land in.
#[must_use]
pub fn create_landing(shape: Shape<'_>) -> String {
    let mut sql = "create temporary table hayloft_landing (\n    hayloft_key uuid not null,\n    \
                   hayloft_line bigint not null"
        .to_owned();
    if shape.own_instants() {
        sql.push_str(
            ",\n    hayloft_at timestamptz,\n    hayloft_present boolean not null,\n    \
             hayloft_sequence bytea,\n    hayloft_digest integer not null",
        );
    }
    for column in shape.filled() {
        let _ = write!(
            sql,
            ",\n    {} {}",
            column.name,
            landing_type(&column.column_type)
        );
    }
    sql.push_str("\n) on commit drop");
    sql
}

/// The columns of the landing table, in the order of a tuple's fields.
#[must_use]
pub fn landing_columns(shape: Shape<'_>) -> Vec<Ident> {
    let mut own = vec!["hayloft_key", "hayloft_line"];
    if shape.own_instants() {
        own.extend([
            "hayloft_at",
            "hayloft_present",
            "hayloft_sequence",
            "hayloft_digest",
        ]);
    }
    let own = own.into_iter().map(Ident::vouched);
    own.chain(shape.filled().map(|column| column.name.clone()))
        .collect()
}

/// Lands some of the rows that are searched for those that the table refuses: of these turns, and on
/// these lines if there are some; of the alternatives only those. Binds: the first turn, the one after the last, the lines.
#[must_use]
pub fn land_searched(shape: Shape<'_>) -> String {
    let columns: Vec<String> = landing_columns(shape)
        .iter()
        .map(ToString::to_string)
        .collect();
    let columns = columns.join(", ");
    format!(
        "insert into {LANDING}\n    ({columns})\n\
         select {columns}\n\
         from pg_temp.hayloft_searched\n\
         where hayloft_turn >= $1 and hayloft_turn < $2\n  \
           and case when $3::bigint[] is null then not hayloft_is_alternative\n           \
             else hayloft_line = any($3) end"
    )
}

/// What the server prints of the landed values that only it can read, with the digest of the rest of
/// the row where that has landed. `None` if the file fills no such column.
#[must_use]
pub fn read_printed(shape: Shape<'_>) -> Option<String> {
    let mut printed = printed_columns(shape).peekable();
    printed.peek()?;
    let (digest, which) = if shape.own_instants() {
        ("landing.hayloft_digest", "\nwhere landing.hayloft_present")
    } else {
        ("0", "")
    };
    Some(format!(
        "select landing.hayloft_line as line, {digest} as digest,\n    \
             {cells} as cells\n\
         from {LANDING} as landing{which}",
        cells = texts(printed.map(|column| (column, landed(column)))),
    ))
}

/// The filled columns whose values only the server can read.
pub fn printed_columns(shape: Shape<'_>) -> impl Iterator<Item = &Column> {
    let Shape { contract, filled } = shape;
    let columns = filled.iter().map(|column| &contract.columns[*column]);
    columns.filter(|column| Form::of(&column.column_type) == Form::Printed)
}

/// Writes whole digests over those to which the server's part was missing. Binds: the lines, the
/// digests.
pub const COMPLETE_DIGESTS: &str = "update pg_temp.hayloft_landing as landing
set hayloft_digest = printed.digest
from unnest($1::bigint[], $2::integer[]) as printed (line, digest)
where landing.hayloft_line = printed.line";

/// Hayloft does not know the binary form of every type there is; those land as text.
fn landing_type(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::Other(_) => "text".into(),
        known => known.sql(),
    }
}

/// A landed value in the column's own type.
pub(super) fn landed(column: &Column) -> String {
    let landed = format!("landing.{}", column.name);
    match &column.column_type {
        ColumnType::Other(of_server) => read(&landed, of_server),
        _ => landed,
    }
}

/// A text as the value that it is. It is read as the plain type first: a modifier is then put on a
/// value that is known.
pub(super) fn read(text: &str, ServerType { sql, plain, .. }: &ServerType) -> String {
    if plain == sql {
        format!("{text}::{sql}")
    } else {
        format!("{text}::{plain}::{sql}")
    }
}

/// What only the server can answer of a landed value. The answer of a value that is good is no; of
/// one that is not, it is yes or an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What it is about.
    pub about: Doubt,
    condition: String,
}

/// What is doubtful about a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Whether it is one of the type, and stays as it is.
    Type,
    /// Whether the checks of its domain hold.
    Domain,
}

/// What is to be asked of the values of a column.
#[must_use]
pub fn questions(column: &Column) -> Vec<Question> {
    let mut questions = Vec::new();
    if let ColumnType::Other(of_server) = &column.column_type {
        questions.push(Question {
            about: Doubt::Type,
            condition: condition(column, &is_altered(column, of_server)),
        });
    }
    if let Some(domain) = &column.domain {
        let in_domain = format!("({}::{})::text is null", landed(column), domain.sql);
        questions.push(Question {
            about: Doubt::Domain,
            condition: condition(column, &in_domain),
        });
    }
    questions
}

fn condition(column: &Column, answer: &str) -> String {
    format!("landing.{} is not null and {answer}", column.name)
}

/// Whether the column's type makes another value of what a text means.
fn is_altered(column: &Column, of_server: &ServerType) -> String {
    let (landed, plain) = (landed(column), &of_server.plain);
    let meant = format!("landing.{}::{plain}", column.name);
    if *plain == of_server.sql {
        return format!("({landed})::text is null");
    }
    match of_server.equality {
        Equality::Value => format!("({landed})::{plain} is distinct from {meant}"),
        Equality::Text => distinct_texts(&format!("({landed})"), &format!("({meant})")),
    }
}

impl Question {
    /// Takes out the rows of which the answer is yes, and names their lines.
    #[must_use]
    pub fn remove(&self) -> String {
        format!(
            "delete from {LANDING} as landing\n\
             where {}\n\
             returning landing.hayloft_line as line",
            self.condition
        )
    }

    /// Asks it of the rows between two places of the landing table. Binds: the places.
    #[must_use]
    pub fn ask(&self) -> String {
        format!(
            "select count(*)\n\
             from {LANDING} as landing\n\
             where landing.ctid between $1 and $2\n  \
               and {}",
            self.condition
        )
    }
}
