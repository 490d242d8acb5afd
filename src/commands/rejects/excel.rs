//! Rows that a spreadsheet may open: a cell that it would take for a formula has an apostrophe in
//! front. Before the rows are loaded again, that is taken off.
//!
//! A cell that has such apostrophes of its own gets one more, so nothing is lost between the two.
//!
//! Each row is guarded by itself: it may be a reject because its quotes are wrong, and then nothing
//! below it must go without. Which separator a spreadsheet expects depends on its language, so a
//! cell begins behind each of them.

/// Puts an apostrophe in front of each cell of a row that a spreadsheet would take for a formula.
pub(super) fn guarded(csv: &[u8]) -> Vec<u8> {
    let mut safe = Vec::with_capacity(csv.len());
    let mut done = 0;
    for cell in cells(csv) {
        if formula_after(csv, cell).is_some() {
            safe.extend_from_slice(&csv[done..cell]);
            safe.push(b'\'');
            done = cell;
        }
    }
    safe.extend_from_slice(&csv[done..]);
    safe
}

/// Takes these apostrophes off again.
pub(super) fn unguarded(csv: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(csv.len());
    let mut done = 0;
    for cell in guards(csv) {
        plain.extend_from_slice(&csv[done..cell]);
        done = cell + 1;
    }
    plain.extend_from_slice(&csv[done..]);
    plain
}

/// The line of the first cell that has an apostrophe in front of what looks like a formula.
pub(super) fn first_guard(csv: &[u8]) -> Option<usize> {
    let at = guards(csv).next()?;
    Some(1 + memchr::memchr_iter(b'\n', &csv[..at]).count())
}

fn guards(csv: &[u8]) -> impl Iterator<Item = usize> {
    cells(csv).filter(|cell| formula_after(csv, *cell).is_some_and(|apostrophes| apostrophes > 0))
}

/// How many apostrophes stand before what a spreadsheet takes for the beginning of a formula.
fn formula_after(csv: &[u8], cell: usize) -> Option<usize> {
    let value = &csv[cell..];
    let apostrophes = value.iter().take_while(|byte| **byte == b'\'').count();
    let rest = value.get(apostrophes..)?;
    let begins = match rest.first()? {
        b'=' | b'+' | b'-' | b'@' | b'\t' => true,
        0xEF => FULL_WIDTH
            .iter()
            .any(|sign| rest.starts_with(sign.as_bytes())),
        // The end of the line, unless it is quoted.
        b'\r' => cell > 0 && csv[cell - 1] == b'"',
        _ => false,
    };
    begins.then_some(apostrophes)
}

/// What a spreadsheet in an East Asian language takes for these signs.
const FULL_WIDTH: [&str; 4] = ["＝", "＋", "－", "＠"];

/// Where a place in a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Where a cell begins.
    Start,
    /// In a cell without quotes, or behind its closing one. A quote means nothing here.
    Plain,
    Quotes,
}

/// Where the value of each cell begins, behind its quote if it has one.
fn cells(csv: &[u8]) -> impl Iterator<Item = usize> {
    let (mut at, mut within) = (0, Within::Start);
    std::iter::from_fn(move || {
        while let Some(byte) = csv.get(at) {
            match (within, byte) {
                (Within::Start, b'"') => {
                    within = Within::Quotes;
                    at += 1;
                    return Some(at);
                }
                (Within::Start, _) => {
                    within = Within::Plain;
                    return Some(at);
                }
                (Within::Plain, b',' | b';' | b'\t' | b'\r' | b'\n') => within = Within::Start,
                // Two of them stand for one.
                (Within::Quotes, b'"') if csv.get(at + 1) == Some(&b'"') => at += 1,
                (Within::Quotes, b'"') => within = Within::Plain,
                (Within::Plain | Within::Quotes, _) => {}
            }
            at += 1;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_looks_like_a_formula_gets_an_apostrophe_and_loses_it_again() {
        for (plain, safe) in [
            ("a,b\n", "a,b\n"),
            ("=1,+2,-3,@4\n", "'=1,'+2,'-3,'@4\n"),
            ("\"=1,2\",\t3\n", "\"'=1,2\",'\t3\n"),
            ("\"\"\"=1\"\"\",a=b\n", "\"\"\"=1\"\"\",a=b\n"),
            ("'=1,'a,''=b\n", "''=1,'a,'''=b\n"),
            ("a\r\n=b\r\n,\r\n", "a\r\n'=b\r\n,\r\n"),
            ("\"\r=1\",\"a\n=b\"\n", "\"'\r=1\",\"a\n=b\"\n"),
            ("\"a\",\"\",\n=", "\"a\",\"\",\n'="),
            ("a;=1\tb\t@2;\"+3\"\n", "a;'=1\tb\t'@2;\"'+3\"\n"),
            ("＝1,＋2,－3,＠4,！5\n", "'＝1,'＋2,'－3,'＠4,！5\n"),
            ("a\"b,=1\n=2,\"c\"d\",=3\n", "a\"b,'=1\n'=2,\"c\"d\",'=3\n"),
            ("5\" pipe,=1\n", "5\" pipe,'=1\n"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(guarded(plain.as_bytes())).unwrap(), safe);
            assert_eq!(
                String::from_utf8(unguarded(safe.as_bytes())).unwrap(),
                plain
            );
        }
    }

    #[test]
    fn the_line_of_the_first_apostrophe_is_known() {
        assert_eq!(first_guard(b"a,b\n'c,=d\n"), None);
        assert_eq!(first_guard(b"a,b\nc,d\n1,'=d\n'=e,\n"), Some(3));
    }
}
