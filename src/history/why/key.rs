//! A key as a person types it → the durable keys that it may stand for.
//!
//! A natural key goes the way that a file's goes: each part through its column's parser, then the
//! key scheme. A UUID may be the durable key itself. Nothing that was typed is in a message, since a
//! natural key may be an address.

use thiserror::Error;
use uuid::Uuid;

use crate::contract::{Column, Contract, Kind, Reference};
use crate::stage::key::KeyScheme;
use crate::stage::value::ValueParser;

/// A key that what was typed may stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The durable key.
    pub key: Uuid,
    /// The canonical texts that it was made from, one for each part of the natural key.
    pub parts: Option<Vec<String>>,
}

/// Why what was typed is no key of the table.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KeyFault {
    /// Too few or too many parts.
    #[error(
        "The key of `{table}` is {columns}: give {} in this order, each as an argument of its \
         own; or its UUID.", values(*.expected)
    )]
    Parts {
        /// The table.
        table: String,
        /// The names of the parts.
        columns: String,
        /// How many there are.
        expected: usize,
    },
    /// A part is no value of its column.
    #[error("What was given for `{column}` cannot be a key of `{table}`: it {fault}.")]
    Value {
        /// The table.
        table: String,
        /// The part.
        column: String,
        /// What is wrong, as a predicate.
        fault: String,
    },
}

fn values(count: usize) -> String {
    match count {
        1 => "one value".to_owned(),
        count => format!("{count} values"),
    }
}

/// The keys that what was typed may stand for. A UUID is read as the durable key of a dimension first, and as
/// the ledger's key of a fact last; where the
/// natural key may look like one too, both readings are kept.
pub fn read(
    contract: &Contract,
    scheme: &KeyScheme,
    typed: &[String],
) -> Result<Vec<Candidate>, KeyFault> {
    let durable = durable(typed);
    let natural = natural(contract, scheme, typed);
    match (durable, natural) {
        (Some(durable), Ok(natural)) if is_dimension(contract) => Ok(vec![durable, natural]),
        (Some(durable), Ok(natural)) => Ok(vec![natural, durable]),
        (Some(durable), Err(_)) => Ok(vec![durable]),
        (None, natural) => natural.map(|natural| vec![natural]),
    }
}

fn is_dimension(contract: &Contract) -> bool {
    matches!(contract.kind, Kind::Dimension { .. })
}

/// The durable key; of a fact the ledger's, by which `check` names it.
fn durable(typed: &[String]) -> Option<Candidate> {
    let [text] = typed else {
        return None;
    };
    let key = Uuid::try_parse(text.trim()).ok()?;
    Some(Candidate { key, parts: None })
}

/// The key that a natural one leads to.
pub(super) fn natural(
    contract: &Contract,
    scheme: &KeyScheme,
    typed: &[String],
) -> Result<Candidate, KeyFault> {
    let columns = || contract.key.iter().map(|place| &contract.columns[*place]);
    if typed.len() != contract.key.len() {
        let names: Vec<String> = columns()
            .map(|column| format!("`{}`", column.name.name()))
            .collect();
        return Err(KeyFault::Parts {
            table: contract.name.to_string(),
            columns: names.join(", "),
            expected: names.len(),
        });
    }
    let parts = contract
        .key
        .iter()
        .zip(typed)
        .map(|(place, text)| part(contract, scheme, *place, text))
        .collect::<Result<Vec<String>, KeyFault>>()?;
    let key = scheme.durable_key(&parts);
    Ok(Candidate {
        key,
        parts: Some(parts),
    })
}

fn part(
    contract: &Contract,
    scheme: &KeyScheme,
    place: usize,
    text: &str,
) -> Result<String, KeyFault> {
    let column = &contract.columns[place];
    let read = canonical(column, text).or_else(|fault| {
        // As in a file: a member may be named by its natural key.
        let member = reference(contract, place)
            .and_then(|reference| <&[Column; 1]>::try_from(&*reference.natural_key).ok())
            .and_then(|[natural]| canonical(natural, text).ok());
        member
            .map(|member| scheme.durable_key(&[member]).hyphenated().to_string())
            .ok_or(fault)
    });
    read.map_err(|fault| KeyFault::Value {
        table: contract.name.to_string(),
        column: column.name.name().to_owned(),
        fault,
    })
}

fn reference(contract: &Contract, place: usize) -> Option<&Reference> {
    match &contract.kind {
        Kind::Dimension { .. } => None,
        Kind::Fact { references, .. } => references
            .iter()
            .find(|reference| reference.column == place),
    }
}

/// The text that is hashed: of the value as files spell it, else as ISO 8601 does.
fn canonical(column: &Column, text: &str) -> Result<String, String> {
    let mut iso = column.clone();
    iso.spelling.format = None;
    parse(column, text).or_else(|fault| match column.spelling.format {
        Some(_) => parse(&iso, text).map_err(|_| fault),
        None => Err(fault),
    })
}

fn parse(column: &Column, text: &str) -> Result<String, String> {
    let parser = ValueParser::new(column).map_err(|fault| fault.to_string())?;
    let mut canonical = String::new();
    parser
        .parse_key_part(text.as_bytes(), &mut Vec::new(), &mut canonical)
        .map(|_| canonical)
        .map_err(|fault| fault.message)
}

#[cfg(test)]
mod tests;
