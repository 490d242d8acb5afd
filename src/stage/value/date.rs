//! `date`: in the contract's format, or `YYYY-MM-DD`.

use std::fmt::Write;

use super::ValueFault;
use super::pattern::Pattern;
use crate::contract::Spelling;
use crate::wire;

#[derive(Clone, Debug)]
pub(super) struct DateParser {
    pattern: Pattern,
}

impl DateParser {
    pub(super) fn new(spelling: &Spelling) -> Result<Self, String> {
        let Some(format) = &spelling.format else {
            return Ok(Self {
                pattern: Pattern::iso_date(),
            });
        };
        let pattern = Pattern::new(format)?;
        if pattern.has_time || pattern.has_offset {
            return Err(format!(
                "the format {format} has a time, which a date would lose. \
                 If it is always midnight, write it as digits, as in \"%Y-%m-%d 00:00:00\"."
            ));
        }
        Ok(Self { pattern })
    }

    pub(super) fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<(), ValueFault> {
        let reading = self
            .pattern
            .read(field)
            .map_err(|misread| self.pattern.fault("date", misread))?;
        wire::put_date(row, reading.date);
        if let Some(text) = key_text {
            let _ = write!(text, "{}", reading.date.format("%Y-%m-%d"));
        }
        Ok(())
    }
}
