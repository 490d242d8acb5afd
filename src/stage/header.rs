//! Which field of the file fills which column of the table.
//!
//! In: the names of the header, as the file spells them, and the contract. Out: a [`Layout`], or
//! the sentence that says what is wrong with the header. Names are trimmed, and compared without
//! regard to case; their order is free.

use std::fmt::Write as _;

use super::StageFault;
use super::csv::{DialectHint, Header};
use super::history::{self, Fields};
use crate::contract::catalog::Constancy;
use crate::contract::managed;
use crate::contract::{Column, Contract, Kind, Nullability, UnknownColumns};

/// Where the value of each staged column comes from.
#[derive(Debug)]
pub(super) struct Layout {
    /// One for each column that the file fills, in the order of [`Contract::columns`]; then one
    /// for each that the table is to get.
    pub(super) cells: Vec<Cell>,
    /// The columns that the table is to get, in the order of the file.
    pub(super) added: Vec<Column>,
    /// The fields that say what was done, when and in what order.
    pub(super) history: Fields,
    /// The field that has to be empty: a trailing comma in the header has no name.
    pub(super) unnamed: Option<usize>,
}

/// One column that the file fills.
#[derive(Debug)]
pub(super) struct Cell {
    /// Position in [`Contract::columns`], or after its end in [`Layout::added`].
    pub(super) column: usize,
    /// Where its value comes from.
    pub(super) source: Source,
}

/// Where the value of a column comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The field at this position.
    Field(usize),
    /// The durable key of a dimension's member, made from the fields at these positions.
    NaturalKey {
        /// Position in the contract's references.
        reference: usize,
        /// One for each part of the dimension's natural key.
        fields: Vec<usize>,
    },
}

/// Finds the source of each column, or says why the header cannot serve.
pub(super) fn resolve(header: &Header, contract: &Contract) -> Result<Layout, StageFault> {
    lay_out(header, contract).map_err(|fault| match (fault, header.dialect_hint()) {
        (StageFault::Header(why), Some(DialectHint::Spaces)) if is_title(header, contract) => {
            StageFault::Header(format!(
                "{why} It looks like a title; the first line must be the header."
            ))
        }
        (StageFault::Header(why), Some(hint)) => StageFault::Header(format!("{why} {hint}")),
        (fault, _) => fault,
    })
}

/// Whether none of the words of a line is the name of a column.
fn is_title(header: &Header, contract: &Contract) -> bool {
    let is_name = |word: &str| {
        let mut columns = contract.columns.iter();
        columns.any(|column| column.name.name().eq_ignore_ascii_case(word))
    };
    !header.text().split_whitespace().any(is_name)
}

fn lay_out(header: &Header, contract: &Contract) -> Result<Layout, StageFault> {
    let names: Vec<&str> = header.names().iter().map(|name| name.trim()).collect();
    let mut cells: Vec<Cell> = (0..contract.columns.len())
        .filter_map(|column| {
            source_of(column, &names, contract).map(|source| Cell { column, source })
        })
        .collect();
    // Before any sentence that repeats names: those of such a line are values.
    if cells.is_empty() {
        return Err(no_header(names.len(), contract));
    }
    refuse_repeated(&names)?;
    let unnamed = unnamed_last(&names)?;
    refuse_missing(&names, &cells, contract)?;
    refuse_varying(&cells, contract)?;
    let history = history::find(contract, |name| position(&names, name));
    let added = match contract.unknown_columns {
        UnknownColumns::Ignore => Vec::new(),
        UnknownColumns::Refuse => match unknown_fields(&names, unnamed, &cells, &history).first() {
            Some(field) => return Err(unknown(&names, *field, contract)),
            None => Vec::new(),
        },
        UnknownColumns::FillCurrent | UnknownColumns::Version => {
            let fields = unknown_fields(&names, unnamed, &cells, &history);
            let new = |field: &usize| new_column(&names, *field, contract);
            let added = fields.iter().map(new).collect::<Result<_, _>>()?;
            let at_the_end = contract.columns.len()..;
            cells.extend(at_the_end.zip(fields).map(|(column, field)| Cell {
                column,
                source: Source::Field(field),
            }));
            added
        }
    };
    Ok(Layout {
        cells,
        added,
        history,
        unnamed,
    })
}

impl Layout {
    /// The column of one of the cells.
    pub(super) fn column<'l>(&'l self, cell: &Cell, contract: &'l Contract) -> &'l Column {
        match cell.column.checked_sub(contract.columns.len()) {
            None => &contract.columns[cell.column],
            Some(added) => &self.added[added],
        }
    }
}

fn source_of(column: usize, names: &[&str], contract: &Contract) -> Option<Source> {
    if let Some(field) = position(names, contract.columns[column].name.name()) {
        return Some(Source::Field(field));
    }
    let Kind::Fact { references, .. } = &contract.kind else {
        return None;
    };
    let reference = references
        .iter()
        .position(|reference| reference.column == column)?;
    let fields = references[reference]
        .natural_key
        .iter()
        .map(|part| position(names, part.name.name()))
        .collect::<Option<Vec<usize>>>()?;
    Some(Source::NaturalKey { reference, fields })
}

fn position(names: &[&str], wanted: &str) -> Option<usize> {
    names.iter().position(|name| same_name(name, wanted))
}

fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn refuse_repeated(names: &[&str]) -> Result<(), StageFault> {
    let mut seen = std::collections::HashMap::new();
    for (field, name) in names.iter().enumerate() {
        if name.is_empty() {
            continue;
        }
        if let Some(first) = seen.insert(name.to_lowercase(), field) {
            return Err(StageFault::Header(format!(
                "The header names column {} twice, as columns {} and {} (names are compared \
                 without regard to case). Remove one of them.",
                shown(name),
                first + 1,
                field + 1
            )));
        }
    }
    Ok(())
}

/// A comma at the end of the header makes a last column without a name. It is let through: the
/// rows must then have nothing in it.
fn unnamed_last(names: &[&str]) -> Result<Option<usize>, StageFault> {
    match names.iter().position(|name| name.is_empty()) {
        None => Ok(None),
        Some(field) if field + 1 == names.len() && names.len() > 1 => Ok(Some(field)),
        Some(field) => Err(StageFault::Header(format!(
            "Column {} of the header has no name. Name it, or remove the column.",
            field + 1
        ))),
    }
}

fn refuse_missing(names: &[&str], cells: &[Cell], contract: &Contract) -> Result<(), StageFault> {
    let columns = (0..contract.columns.len())
        .filter(|column| needed(*column, contract))
        .filter(|column| !cells.iter().any(|cell| cell.column == *column))
        .map(|column| wanted_name(column, contract));
    let fields = history::names(contract)
        .into_iter()
        .filter(|name| position(names, name).is_none())
        .map(shown);
    let mut missing: Vec<String> = columns.chain(fields).collect();
    // A field may be a column that is needed too.
    let mut seen = std::collections::HashSet::new();
    missing.retain(|name| seen.insert(name.to_lowercase()));
    if missing.is_empty() {
        return Ok(());
    }
    Err(StageFault::Header(format!(
        "The header lacks {}, which every file for table `{}` must have. It names {}.",
        all(&missing),
        contract.name,
        list(names)
    )))
}

/// What a version shows has to be known as long as the load counts, so a default of which each row has
/// its own cannot fill a dimension. A column that may be NULL is that.
fn refuse_varying(cells: &[Cell], contract: &Contract) -> Result<(), StageFault> {
    if matches!(contract.kind, Kind::Fact { .. }) {
        return Ok(());
    }
    let is_left_out = |place: &usize| !cells.iter().any(|cell| cell.column == *place);
    let left_out = (0..contract.columns.len()).filter(is_left_out);
    let mut left_out = left_out.map(|place| &contract.columns[place]);
    let varies = |column: &&Column| {
        let default = contract.default_of(column);
        column.nullability == Nullability::Required
            && default.is_some_and(|default| default.constancy == Constancy::OfRow)
    };
    match left_out.find(varies) {
        None => Ok(()),
        Some(column) => Err(StageFault::Header(format!(
            "The header lacks {}, whose default in table `{}` is another value for each row. Such a value \
             cannot be kept with the load. Put the column into the file, or give it a default that is the \
             same for all rows, or none.",
            shown(column.name.name()),
            contract.name
        ))),
    }
}

/// Not one name is known: the first line is most likely a row of data, which a message must not
/// repeat.
fn no_header(fields: usize, contract: &Contract) -> StageFault {
    let known: Vec<&str> = contract
        .columns
        .iter()
        .map(|column| column.name.name())
        .collect();
    StageFault::Header(format!(
        "The first line is not a header for table `{}`: none of its {fields} field(s) names a \
         column. The first line must name columns of {}, separated by commas.",
        contract.name,
        list(&known)
    ))
}

fn needed(column: usize, contract: &Contract) -> bool {
    let is_key = contract.key.contains(&column);
    let column = &contract.columns[column];
    // A row that does not speak of a column gets its default.
    is_key || column.nullability == Nullability::Required && contract.default_of(column).is_none()
}

/// The column's name; for a reference also the names that would serve in its place.
fn wanted_name(column: usize, contract: &Contract) -> String {
    let own = shown(contract.columns[column].name.name());
    let Kind::Fact { references, .. } = &contract.kind else {
        return own;
    };
    match references
        .iter()
        .find(|reference| reference.column == column)
    {
        None => own,
        Some(reference) => {
            let parts: Vec<&str> = reference
                .natural_key
                .iter()
                .map(|part| part.name.name())
                .collect();
            format!("{own} (or {} of `{}`)", list(&parts), reference.dimension)
        }
    }
}

/// The fields that fill no column and say nothing of history.
fn unknown_fields(
    names: &[&str],
    unnamed: Option<usize>,
    cells: &[Cell],
    history: &Fields,
) -> Vec<usize> {
    let used = |field: usize| {
        history.contains(field)
            || cells.iter().any(|cell| match &cell.source {
                Source::Field(own) => *own == field,
                Source::NaturalKey { fields, .. } => fields.contains(&field),
            })
    };
    (0..names.len())
        .filter(|field| Some(*field) != unnamed && !used(*field))
        .collect()
}

/// The column that the table is to get for a field.
fn new_column(names: &[&str], field: usize, contract: &Contract) -> Result<Column, StageFault> {
    contract.new_column(names[field]).map_err(|fault| {
        StageFault::Header(format!(
            "Column {} of the header, {}, {fault}. Rename the column, or remove it.",
            field + 1,
            shown(names[field])
        ))
    })
}

fn unknown(names: &[&str], field: usize, contract: &Contract) -> StageFault {
    if managed::is_managed(contract, names[field]) {
        return StageFault::Header(format!(
            "Column {} of the header, {}, is one that Hayloft fills itself. Remove it from the file.",
            field + 1,
            shown(names[field])
        ));
    }
    let known: Vec<&str> = contract
        .columns
        .iter()
        .map(|column| column.name.name())
        .collect();
    StageFault::Header(format!(
        "Column {} of the header, {}, is not in table `{}`{}. Its columns are {}. Rename the \
         column, remove it, or set on_new_column = \"ignore\" for the table.",
        field + 1,
        shown(names[field]),
        contract.name,
        nearest(names[field], &known),
        list(&known)
    ))
}

fn nearest(name: &str, known: &[&str]) -> String {
    let close = known
        .iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&name.to_lowercase(), candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    close.map_or_else(String::new, |(_, candidate)| {
        format!(" (did you mean `{candidate}`?)")
    })
}

/// `a`, `a and b`, `a, b and c`.
fn all(parts: &[String]) -> String {
    match parts {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => parts.concat(),
    }
}

fn list(names: &[&str]) -> String {
    const MOST: usize = 20;
    let mut text = names
        .iter()
        .take(MOST)
        .map(|name| shown(name))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        let _ = write!(text, " and {} more", names.len() - MOST);
    }
    text
}

/// A name as a message shows it: a header may hold anything, so what cannot be seen is escaped,
/// what is too long to be a name is cut, and what may be a person's address is not repeated.
fn shown(name: &str) -> String {
    const LONGEST: usize = 70;
    if name.contains('@') {
        return "(a name with an @)".into();
    }
    let mut text: String = name.chars().take(LONGEST).flat_map(visible).collect();
    if name.chars().count() > LONGEST {
        text.push('…');
    }
    format!("`{text}`")
}

fn visible(character: char) -> Vec<char> {
    if character.is_control() || is_invisible(character) {
        character.escape_unicode().collect()
    } else {
        vec![character]
    }
}

/// Zero-width and direction-changing characters, the byte order mark and the no-break space:
/// a name that holds one looks right and is not.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
