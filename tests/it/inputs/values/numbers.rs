//! B45–B47: numbers and booleans.

use super::{Bad, Is, Null, samples, try_column};

#[test]
fn b45_a_whole_number_is_digits_and_a_minus_and_nothing_else() {
    let warehouse = samples();
    let (not, over) = (|| Bad("bad_type", "is not a whole number"), "overflow");
    try_column(
        &warehouse,
        "small",
        &[
            ("B45", "32767", Is("32767")),
            ("B45", "-32768", Is("-32768")),
            ("B45", "32768", Bad(over, "32767")),
            ("B45", "-32769", Bad(over, "-32768")),
        ],
    );
    try_column(
        &warehouse,
        "whole",
        &[
            ("B45", "2147483647", Is("2147483647")),
            ("B45", "2147483648", Bad(over, "")),
            ("B45", "-2147483648", Is("-2147483648")),
            ("B45", "-2147483649", Bad(over, "")),
            ("B45", "007", Is("7")),
            ("B45", "-0", Is("0")),
            ("B45", "+5", not()),
            ("B45", " 42", Bad("bad_type", "white space around it")),
            ("B45", "42 ", Bad("bad_type", "white space around it")),
            ("B45", "\u{a0}42", Bad("bad_type", "white space around it")),
            ("B45", "1e3", not()),
            ("B45", "1.0", not()),
            ("B45", "1_000", not()),
            ("B45", "\"1,000\"", not()),
            ("B45", "0x1A", not()),
            ("B45", "0b11", not()),
            ("B45", "0o17", not()),
            ("B45", "\u{664}\u{662}", not()),
            ("B45", "\u{ff14}\u{ff12}", not()),
            ("B45", "--5", not()),
            ("B45", "\u{2212}5", not()),
            ("B45", "five", not()),
        ],
    );
    try_column(
        &warehouse,
        "big",
        &[
            ("B45", "9223372036854775807", Is("9223372036854775807")),
            ("B45", "9223372036854775808", Bad(over, "")),
            ("B45", "-9223372036854775808", Is("-9223372036854775808")),
            ("B45", "000000000000000000000000000000000001", Is("1")),
            (
                "B45",
                "99999999999999999999999999999999999999999",
                Bad(over, ""),
            ),
        ],
    );
}

#[test]
fn b46_a_decimal_is_exact_and_never_rounded() {
    let warehouse = samples();
    let (not, over) = (|| Bad("bad_type", "is not a decimal number"), "overflow");
    try_column(
        &warehouse,
        "money",
        &[
            ("B46", "999.99", Is("999.99")),
            ("B46", "-999.99", Is("-999.99")),
            ("B46", "5", Is("5.00")),
            ("B46", "5.1", Is("5.10")),
            ("B46", "5.1000", Is("5.10")),
            ("B46", "0005.10", Is("5.10")),
            ("B46", "-0.0", Is("0.00")),
            ("B46", "1000", Bad(over, "too large for numeric(5,2)")),
            ("B46", "999.995", Bad(over, "2 digits after the point")),
            ("B46", "0.005", Bad(over, "2 digits after the point")),
            ("B46", "\"1,234.56\"", not()),
            ("B46", "\"1.234,56\"", not()),
            ("B46", "\"12,5\"", not()),
            ("B46", "1 234.56", not()),
            ("B46", "$12", not()),
            ("B46", "12 €", not()),
            ("B46", "(5)", not()),
            ("B46", "5-", not()),
            ("B46", "+5.1", not()),
            ("B46", ".5", not()),
            ("B46", "5.", not()),
            ("B46", "1e2", not()),
            ("B46", "NaN", not()),
            ("B46", "Infinity", not()),
            ("B46", "-inf", not()),
            ("B46", "1e400", not()),
            ("B46", "5%", not()),
            ("B46", " 5.10", Bad("bad_type", "white space around it")),
        ],
    );
    try_column(
        &warehouse,
        "exact",
        &[
            (
                "B46",
                "0.1000000000000000000000000000000000000000000000000001",
                Is("0.1000000000000000000000000000000000000000000000000001"),
            ),
            (
                "B46",
                "123456789012345678901234567890123456789012345678901",
                Is("123456789012345678901234567890123456789012345678901"),
            ),
            ("B46", "1.0", Is("1")),
            ("B46", "10000", Is("10000")),
            ("B46", "0.00001", Is("0.00001")),
            ("B46", "-0", Is("0")),
        ],
    );
}

#[test]
fn b46_a_float_is_finite_and_not_lost_to_zero() {
    let warehouse = samples();
    let (not, over) = (|| Bad("bad_type", "is not a number"), "overflow");
    try_column(
        &warehouse,
        "double",
        &[
            ("B46", "1e308", Is("1e+308")),
            ("B46", "1E-300", Is("1e-300")),
            ("B46", "0.1", Is("0.1")),
            ("B46", "-0.0", Is("0")),
            ("B46", "0e999", Is("0")),
            ("B46", "1e400", Bad(over, "too large")),
            ("B46", "-1e400", Bad(over, "too large")),
            ("B46", "1e-400", Bad(over, "too close to zero")),
            ("B46", "NaN", not()),
            ("B46", "nan", not()),
            ("B46", "Infinity", not()),
            ("B46", "inf", not()),
            ("B46", "+5", not()),
            ("B46", ".5", not()),
            ("B46", "0x1p3", not()),
            ("B46", "1d3", not()),
        ],
    );
    try_column(
        &warehouse,
        "near",
        &[
            ("B46", "0.1", Is("0.1")),
            ("B46", "1e39", Bad(over, "too large")),
            ("B46", "1e-50", Bad(over, "too close to zero")),
        ],
    );
}

#[test]
fn b47_a_boolean_is_a_word_of_a_closed_list() {
    let not = || Bad("bad_type", "is not a boolean");
    try_column(
        &samples(),
        "flag",
        &[
            ("B47", "true", Is("t")),
            ("B47", "tRuE", Is("t")),
            ("B47", "T", Is("t")),
            ("B47", "yes", Is("t")),
            ("B47", "Y", Is("t")),
            ("B47", "1", Is("t")),
            ("B47", "false", Is("f")),
            ("B47", "F", Is("f")),
            ("B47", "no", Is("f")),
            ("B47", "n", Is("f")),
            ("B47", "0", Is("f")),
            ("B47", "", Null),
            ("B47", "of", not()),
            ("B47", "o", not()),
            ("B47", "on", not()),
            ("B47", "off", not()),
            ("B47", "tr", not()),
            ("B47", "2", not()),
            ("B47", "-1", not()),
            ("B47", "01", not()),
            ("B47", "wahr", not()),
            ("B47", " tRUe", Bad("bad_type", "white space around it")),
        ],
    );
}
