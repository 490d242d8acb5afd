//! What `hayloft check --values` found, in words.

use crate::digits::grouped;
use crate::merge::{Contradiction, Proof, Reason, Unproven, What};
use crate::printer::Printer;
use crate::printer::instant::exact;

/// How many contradictions people are shown of one table.
const SHOWN: usize = 20;

pub(super) fn tell(proof: &Proof, printer: &Printer) {
    printer.out("");
    printer.out(&headline(proof));
    for contradiction in proof.named.iter().take(SHOWN) {
        printer.out(&format!("  {}", sentence(contradiction)));
    }
    let further = proof
        .contradictions
        .saturating_sub(proof.named.len().min(SHOWN) as u64);
    if further > 0 {
        printer.out(&format!(
            "  and {} more; --format json names the first 1,000",
            grouped(further)
        ));
    }
    if !proof.holds() {
        printer.out(
            "  Was the table changed by hand, or by a migration? Load a file that says what is \
             right, or put back what the named lines say: `hayloft why` shows a key\u{2019}s history.",
        );
    }
    for unproven in &proof.unproven {
        printer.out(&format!("  {}", not_told(unproven)));
    }
}

fn headline(proof: &Proof) -> String {
    let Proof {
        table,
        compared,
        contradictions,
        ..
    } = proof;
    let compared = grouped(*compared);
    match contradictions {
        0 => format!(
            "{table}: {compared} row(s) of files were compared, and the table says what they said."
        ),
        count => format!(
            "{table}: {compared} row(s) of files were compared, and {} place(s) say something else.",
            grouped(*count)
        ),
    }
}

fn sentence(contradiction: &Contradiction) -> String {
    let Contradiction {
        what,
        key,
        starts,
        columns,
        values,
        load_id,
        file,
        line,
    } = contradiction;
    let from = starts.map_or(String::new(), |at| format!(" from {}", exact(at)));
    let columns: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(place, name)| match values.get(place) {
            Some(Some(value)) => format!("{name} = {value:?}"),
            Some(None) => format!("{name} is NULL"),
            None => name.clone(),
        })
        .collect();
    let columns = if columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", columns.join(", "))
    };
    let source = match file {
        Some(file) => format!("{file} line {line}, load {load_id}"),
        None => format!("load {load_id}, line {line}"),
    };
    let what = match what {
        What::SaidOtherwise => format!("another value than {source} said"),
        What::KeptOtherwise => format!("the ledger keeps another value than {source} said"),
        What::NotSaid => format!("no load says this; the table names {source}"),
        What::Missing => format!("{source} says this, and it is not there"),
        What::DoesNotFollow => format!("not what follows from {source}"),
        What::OtherKey => format!("the natural key makes another key; {source}"),
        What::HeldOtherwise => format!("the held row is not the one of {source}"),
    };
    format!("{key}{from}{columns}: {what}")
}

fn not_told(unproven: &Unproven) -> String {
    let count = grouped(unproven.count);
    let column = unproven.column.as_deref().unwrap_or_default();
    match unproven.reason {
        Reason::BeforeDigests => {
            format!("not verifiable: {count} row(s) were loaded before digests were kept")
        }
        Reason::MeaningChanged => format!(
            "not verifiable: {count} row(s) were loaded before a column began to keep history, or \
             got another type"
        ),
        Reason::ValueMisfit => format!(
            "not verifiable: {count} row(s) had a value that its column does not take since a \
             migration changed the type"
        ),
        Reason::ColumnDropped => {
            format!("not verifiable: {count} row(s) spoke of a column that the table no longer has")
        }
        Reason::TypeChanged => {
            format!("not verifiable: {count} row(s) spoke of a column whose type was changed since")
        }
        Reason::SaidByNoLoad => format!(
            "not verifiable: {count} value(s) of {column} were said by no load (a default, a \
             migration, or a person)"
        ),
        Reason::KeysMadeOtherwise => format!(
            "not verifiable: the keys of {count} row(s), which were made with another \
             HAYLOFT_KEY_SECRET or of other columns"
        ),
    }
}
