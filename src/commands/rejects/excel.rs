//! Rows that a spreadsheet may open: a cell that it would take for a formula has an apostrophe in
//! front. Before the rows are loaded again, that is taken off.
//!
//! A cell that has such apostrophes of its own gets one more, so nothing is lost between the two.

/// Puts an apostrophe in front of each cell that a spreadsheet would take for a formula.
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
    let begins = match value.get(apostrophes)? {
        b'=' | b'+' | b'-' | b'@' | b'\t' => true,
        // The end of the line, unless it is quoted.
        b'\r' => cell > 0 && csv[cell - 1] == b'"',
        _ => false,
    };
    begins.then_some(apostrophes)
}

/// Where the value of each cell begins, behind its quote if it has one.
fn cells(csv: &[u8]) -> impl Iterator<Item = usize> {
    let (mut at, mut is_start, mut is_quoted) = (0, true, false);
    std::iter::from_fn(move || {
        while at < csv.len() {
            let byte = csv[at];
            if is_start {
                is_start = false;
                if byte == b'"' {
                    is_quoted = true;
                    at += 1;
                }
                return Some(at);
            }
            match byte {
                b'"' => is_quoted = !is_quoted,
                b',' | b'\n' if !is_quoted => is_start = true,
                _ => {}
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
