//! Enums: one of the labels, exactly.

use super::ValueFault;
use crate::wire;

#[derive(Clone, Debug)]
pub(super) struct LabelParser {
    labels: Vec<String>,
}

impl LabelParser {
    pub(super) fn new(labels: &[String]) -> Self {
        Self {
            labels: labels.to_vec(),
        }
    }

    pub(super) fn encode(
        &self,
        field: &[u8],
        row: &mut Vec<u8>,
        key_text: Option<&mut String>,
    ) -> Result<(), ValueFault> {
        let label = self.labels.iter().find(|label| label.as_bytes() == field);
        let Some(label) = label else {
            return Err(ValueFault::bad_type(self.expected()));
        };
        wire::put_bytes(row, field);
        if let Some(text) = key_text {
            text.push_str(label);
        }
        Ok(())
    }

    /// Names the labels, unless they would make a page of the sentence.
    fn expected(&self) -> String {
        const FEW: usize = 10;
        if self.labels.len() > FEW {
            return format!("is not one of the {} labels of its type", self.labels.len());
        }
        format!("is not one of {}", self.labels.join(", "))
    }
}
