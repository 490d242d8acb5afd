//! `uuid`: 36 characters, with hyphens. The server would also take braces, and no hyphens.

use ::uuid::Uuid;

use super::ValueFault;
use crate::wire;

pub(super) fn encode(
    field: &[u8],
    row: &mut Vec<u8>,
    key_text: Option<&mut String>,
) -> Result<(), ValueFault> {
    let value = value(field)
        .ok_or_else(|| ValueFault::bad_type("is not a UUID of 36 characters with hyphens"))?;
    wire::put_uuid(row, value);
    if let Some(text) = key_text {
        let mut buffer = Uuid::encode_buffer();
        text.push_str(value.hyphenated().encode_lower(&mut buffer));
    }
    Ok(())
}

fn value(field: &[u8]) -> Option<Uuid> {
    const LENGTH: usize = 36; // no other form that the crate knows has this length
    (field.len() == LENGTH)
        .then(|| Uuid::try_parse_ascii(field).ok())
        .flatten()
}
