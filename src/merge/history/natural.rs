//! The natural key as the database has it → the key that the ledger has.
//!
//! A fact table does not have the ledger's key, and a load that comes back may have another one than
//! would be made now. So the way that a file's row goes is gone once more: each part through its column's parser, then the key scheme. What Postgres prints is ISO
//! 8601, and names its zone where it has one, whatever the files spell.

use uuid::Uuid;

use crate::contract::Contract;
use crate::stage::key::KeyScheme;
use crate::stage::value::ValueParser;

/// Makes keys of one table.
pub(in crate::merge) struct Natural<'k> {
    parts: Vec<ValueParser>,
    keys: &'k KeyScheme,
}

impl<'k> Natural<'k> {
    /// `None` if a part's values cannot be read back.
    pub(in crate::merge) fn of(contract: &Contract, keys: &'k KeyScheme) -> Option<Self> {
        let parts = contract.key.iter().map(|place| {
            let mut column = contract.columns[*place].clone();
            column.spelling.format = None;
            column.spelling.null_tokens = Vec::new();
            ValueParser::new(&column).ok()
        });
        let parts = parts.collect::<Option<_>>()?;
        Some(Self { parts, keys })
    }

    /// The key, and each part in the one form that all of its spellings share. `None` for what no file
    /// can have said.
    pub(in crate::merge) fn parts(&self, cells: &[Option<String>]) -> Option<(Vec<String>, Uuid)> {
        let texts = self.parts.iter().zip(cells).map(|(parser, cell)| {
            let mut text = String::new();
            let field = cell.as_deref()?.as_bytes();
            parser
                .parse_key_part(field, &mut Vec::new(), &mut text)
                .ok()?;
            Some(text)
        });
        let texts: Vec<String> = texts.collect::<Option<_>>()?;
        let key = self.keys.durable_key(&texts);
        Some((texts, key))
    }

    /// `None` for what no file can have said.
    pub(in crate::merge) fn key(&self, cells: &[Option<String>]) -> Option<Uuid> {
        Some(self.parts(cells)?.1)
    }
}
