//! One record of the file → one row for the table, or everything that is wrong with it.

use uuid::Uuid;

use super::StageFault;
use super::csv::{Fields, Header, RecordFault};
use super::digest::{Digest, ValueDigest};
use super::header::{self, Cell, Source};
use super::history::{HistoryParser, Notes};
use super::key::KeyScheme;
use super::reject::{Place, Reject, RejectColumn, RejectKind};
use super::rows::Presence;
use super::value::{Parsed, ValueFault, ValueParser};
use crate::contract::{Column, Contract, Kind, Nullability};
use crate::wire;

/// Knows which field goes where, and how each is read. Made once a file.
pub(super) struct RowParser<'a> {
    keys: &'a KeyScheme,
    /// The header's names, for messages.
    names: Vec<String>,
    history: HistoryParser,
    cells: Vec<CellParser>,
    /// The columns that the table is to get.
    added: Vec<Column>,
    unnamed: Option<usize>,
    /// How many parts the key has.
    key_parts: usize,
}

/// A row that can be loaded. What it says stands elsewhere: the bytes of its sequence, then its cells.
pub(super) struct Accepted {
    pub(super) key: Uuid,
    pub(super) presence: Presence,
    pub(super) at: Option<i64>,
    /// Stands for what it says.
    pub(super) digest: Digest,
    /// How many bytes the sequence has.
    pub(super) sequence: usize,
    /// How many bytes the cells have.
    pub(super) cells: usize,
    /// What is worth knowing of it.
    pub(super) warnings: Vec<Reject>,
}

/// A row that cannot be loaded.
pub(super) struct Refused {
    /// All that is wrong with it.
    pub(super) rejects: Vec<Reject>,
    /// Its key, if that can be read.
    pub(super) key: Option<Uuid>,
}

struct CellParser {
    column: usize,
    name: String,
    digest: ValueDigest,
    kind: CellKind,
}

enum CellKind {
    /// A field that is stored as it is parsed; if it is part of the key, with its place in it.
    Value {
        field: usize,
        parser: ValueParser,
        key_part: Option<usize>,
    },
    /// The fields of a dimension's natural key, stored as the durable key made from them; if the
    /// reference is part of the fact's own key, with its place in it.
    Member {
        parts: Vec<MemberPart>,
        key_part: Option<usize>,
        nullability: Nullability,
    },
}

struct MemberPart {
    field: usize,
    parser: ValueParser,
}

impl<'a> RowParser<'a> {
    pub(super) fn new(
        header: &Header,
        contract: &Contract,
        keys: &'a KeyScheme,
    ) -> Result<Self, StageFault> {
        let layout = header::resolve(header, contract)?;
        let cells = layout
            .cells
            .iter()
            .map(|cell| CellParser::new(cell, layout.column(cell, contract), contract))
            .collect::<Result<_, _>>()?;
        let names: Vec<String> = header
            .names()
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        Ok(Self {
            keys,
            history: HistoryParser::new(contract, &layout.history, &names)?,
            names,
            cells,
            added: layout.added,
            unnamed: layout.unnamed,
            key_parts: contract.key.len(),
        })
    }

    /// The columns that a row's cells are for.
    pub(super) fn columns(&self) -> Vec<usize> {
        self.cells.iter().map(|cell| cell.column).collect()
    }

    /// Where each of these columns stands in the file.
    pub(super) fn fields(&self) -> Vec<RejectColumn> {
        self.cells.iter().map(CellParser::first_field).collect()
    }

    /// The columns that the table is to get.
    pub(super) fn added(&self) -> Vec<Column> {
        self.added.clone()
    }

    /// Room for [`RowParser::parse`] to put the texts that make a key. Whoever parses has it, and not
    /// the parser: what two threads share, neither should write to.
    pub(super) fn key_texts(&self) -> Vec<String> {
        vec![String::new(); self.key_parts]
    }

    /// Parses one record, and appends what the row says to `bytes`. Every field is looked at, so that
    /// a person mends a row once; of a delete only those that say what was deleted, and when.
    pub(super) fn parse(
        &self,
        place: Place,
        content: Result<Fields<'_>, &RecordFault>,
        key_texts: &mut [String],
        bytes: &mut Vec<u8>,
    ) -> Result<Accepted, Box<Refused>> {
        let fields = match &content {
            Ok(fields) => fields,
            Err(fault) => return Err(Box::new(Refused::unsplit(self.told(place, fault)))),
        };
        let mut notes = Notes::default();
        let surplus = self.unnamed.filter(|field| !fields[*field].is_empty());
        if let Some(field) = surplus {
            notes.refuse(unnamed_value(place, field));
        }
        let start = bytes.len();
        let said = self.history.parse(fields, place, bytes, &mut notes);
        let cells = bytes.len();
        let key = self.parse_cells(fields, place, said.presence, key_texts, bytes, &mut notes);
        match (key, said.presence) {
            (Some((key, digest)), Some(presence)) if notes.rejects.is_empty() => Ok(Accepted {
                key,
                presence,
                at: said.at,
                digest,
                sequence: cells - start,
                cells: bytes.len() - cells,
                warnings: notes.warnings,
            }),
            (key, _) => {
                bytes.truncate(start);
                Err(Box::new(Refused {
                    rejects: notes.rejects,
                    // With a field too many, none can be trusted to stand in its place.
                    key: key.map(|(key, _)| key).filter(|_| surplus.is_none()),
                }))
            }
        }
    }

    /// What the reader found, with the name of the column where it knows one.
    pub(super) fn told(&self, place: Place, fault: &RecordFault) -> Reject {
        let named = |number: usize| RejectColumn {
            number,
            name: self.names.get(number - 1).cloned().unwrap_or_default(),
        };
        Reject {
            place,
            column: fault.column.map(named),
            kind: fault.kind,
            message: fault.message.clone(),
        }
    }

    /// Appends the cells, and gives the key, if it can be read, and the digest of what the row says. Of
    /// a row that does not say that its key is there, no other field is looked at.
    fn parse_cells(
        &self,
        fields: &Fields<'_>,
        place: Place,
        presence: Option<Presence>,
        key_texts: &mut [String],
        row: &mut Vec<u8>,
        notes: &mut Notes,
    ) -> Option<(Uuid, Digest)> {
        let mut key_is_read = true;
        let mut digest = match presence {
            Some(Presence::Absent) => Digest::ABSENT,
            _ => Digest::default(),
        };
        for cell in &self.cells {
            if presence != Some(Presence::Present) && !cell.is_key_part() {
                wire::put_null(row);
                continue;
            }
            let start = row.len();
            match cell.parse(fields, self.keys, key_texts, row) {
                Ok(Parsed::Value | Parsed::Null) => {}
                Ok(Parsed::Ambiguous) => notes.warn(cell.ambiguous(place)),
                Err((field, fault)) => {
                    key_is_read &= !cell.is_key_part();
                    notes.refuse(cell.reject(place, field, &fault));
                }
            }
            if presence == Some(Presence::Present) {
                digest = digest.and(cell.digest.field(&row[start..]));
            }
        }
        key_is_read.then(|| (self.keys.durable_key(key_texts), digest))
    }
}

impl Refused {
    /// A record that could not be split into the fields of the header.
    fn unsplit(reject: Reject) -> Self {
        Self {
            rejects: vec![reject],
            key: None,
        }
    }
}

impl CellParser {
    fn new(cell: &Cell, column: &Column, contract: &Contract) -> Result<Self, StageFault> {
        let key_part = contract.key.iter().position(|part| *part == cell.column);
        let kind = match &cell.source {
            Source::Field(field) => CellKind::Value {
                field: *field,
                parser: compile(column)?,
                key_part,
            },
            Source::NaturalKey { reference, fields } => CellKind::Member {
                parts: member_parts(contract, *reference, fields)?,
                key_part,
                nullability: column.nullability,
            },
        };
        Ok(Self {
            column: cell.column,
            name: column.name.name().to_owned(),
            digest: ValueDigest::of(column),
            kind,
        })
    }

    fn is_key_part(&self) -> bool {
        match &self.kind {
            CellKind::Value { key_part, .. } | CellKind::Member { key_part, .. } => {
                key_part.is_some()
            }
        }
    }

    /// On failure, the field at fault.
    fn parse(
        &self,
        fields: &Fields<'_>,
        keys: &KeyScheme,
        key_texts: &mut [String],
        row: &mut Vec<u8>,
    ) -> Result<Parsed, (usize, ValueFault)> {
        match &self.kind {
            CellKind::Value {
                field,
                parser,
                key_part: None,
            } => parser
                .parse(&fields[*field], row)
                .map_err(|fault| (*field, fault)),
            CellKind::Value {
                field,
                parser,
                key_part: Some(part),
            } => parser
                .parse_key_part(&fields[*field], row, &mut key_texts[*part])
                .map_err(|fault| (*field, fault)),
            CellKind::Member {
                parts,
                key_part: None,
                nullability,
            } => parse_member(parts, *nullability, fields, keys, row).map(|parsed| match parsed {
                Member::Known(_) => Parsed::Value,
                Member::Unnamed => Parsed::Null,
            }),
            CellKind::Member {
                parts,
                key_part: Some(part),
                ..
            } => {
                let member = parse_member(parts, Nullability::Required, fields, keys, row)?;
                if let Member::Known(key) = member {
                    // As a file spells it that gives the durable key itself.
                    key_texts[*part] = key.hyphenated().to_string();
                }
                Ok(Parsed::Value)
            }
        }
    }

    fn reject(&self, place: Place, field: usize, fault: &ValueFault) -> Reject {
        let column = self.told(field);
        // What a parser says is said of the column: "is not a whole number".
        let message = format!("`{}` {}.", column.name, fault.message);
        Reject {
            place,
            column: Some(column),
            kind: fault.kind,
            message,
        }
    }

    fn told(&self, field: usize) -> RejectColumn {
        RejectColumn {
            number: field + 1,
            name: self.name_of(field),
        }
    }

    /// The field that is named where the column as a whole is at fault.
    fn first_field(&self) -> RejectColumn {
        let field = match &self.kind {
            CellKind::Value { field, .. } => *field,
            CellKind::Member { parts, .. } => parts.first().map_or(0, |part| part.field),
        };
        self.told(field)
    }

    fn ambiguous(&self, place: Place) -> Reject {
        let field = match &self.kind {
            CellKind::Value { field, .. } => *field,
            CellKind::Member { .. } => 0,
        };
        self.reject(place, field, &ValueFault::ambiguous_time())
    }

    fn name_of(&self, field: usize) -> String {
        match &self.kind {
            CellKind::Value { .. } => self.name.clone(),
            CellKind::Member { parts, .. } => {
                parts.iter().find(|part| part.field == field).map_or_else(
                    || self.name.clone(),
                    |part| part.parser.column_name().to_owned(),
                )
            }
        }
    }
}

fn compile(column: &Column) -> Result<ValueParser, StageFault> {
    ValueParser::new(column).map_err(|fault| StageFault::Contract(fault.to_string()))
}

fn member_parts(
    contract: &Contract,
    reference: usize,
    fields: &[usize],
) -> Result<Vec<MemberPart>, StageFault> {
    let Kind::Fact { references, .. } = &contract.kind else {
        return Ok(Vec::new());
    };
    references[reference]
        .natural_key
        .iter()
        .zip(fields)
        .map(|(part, field)| {
            Ok(MemberPart {
                field: *field,
                parser: compile(part)?,
            })
        })
        .collect()
}

enum Member {
    Known(Uuid),
    Unnamed,
}

/// A member is named by its whole natural key, or, where the column takes NULL, not at all.
fn parse_member(
    parts: &[MemberPart],
    nullability: Nullability,
    fields: &Fields<'_>,
    keys: &KeyScheme,
    row: &mut Vec<u8>,
) -> Result<Member, (usize, ValueFault)> {
    let unnamed = parts
        .iter()
        .all(|part| part.parser.means_null(&fields[part.field]));
    if unnamed && nullability == Nullability::Nullable {
        wire::put_null(row);
        return Ok(Member::Unnamed);
    }
    let mut texts = vec![String::new(); parts.len()];
    let mut unstored = Vec::new();
    for (part, text) in parts.iter().zip(&mut texts) {
        part.parser
            .parse_key_part(&fields[part.field], &mut unstored, text)
            .map_err(|fault| (part.field, fault))?;
    }
    let key = keys.durable_key(&texts);
    wire::put_uuid(row, key);
    Ok(Member::Known(key))
}

fn unnamed_value(place: Place, field: usize) -> Reject {
    Reject {
        place,
        column: Some(RejectColumn {
            number: field + 1,
            name: String::new(),
        }),
        kind: RejectKind::TooManyFields,
        message: "The row has a value after its last comma, where the header names no column."
            .to_owned(),
    }
}
