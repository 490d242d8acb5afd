//! `boolean`: a closed list of words. The server would take any unambiguous prefix, `of` for one.

use super::ValueFault;
use crate::wire;

const TRUE: &[&str] = &["true", "t", "yes", "y", "1"];
const FALSE: &[&str] = &["false", "f", "no", "n", "0"];

pub(super) fn encode(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    let value = value(field).ok_or_else(|| {
        ValueFault::bad_type("is not a boolean: true, t, yes, y, 1 or false, f, no, n, 0")
    })?;
    wire::put_bool(row, value);
    if let Some(text) = key_text {
        text.push_str(if value { "true" } else { "false" });
    }
    Ok(())
}

fn value(field: &[u8]) -> Option<bool> {
    let is_in = |words: &[&str]| {
        words
            .iter()
            .any(|word| field.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is_in(TRUE) {
        Some(true)
    } else {
        is_in(FALSE).then_some(false)
    }
}
