//! B13–B18, B29, B30: quotes, and what other programs give a meaning.

use super::{ANN, BOB, Case, H, USERS, loaded, refused, rejecting, try_out, users};

/// A row of which the quotes are wrong, between two good ones.
fn broken(fault: &'static str, row: &'static str, says: &'static str) -> Case {
    rejecting(
        fault,
        row,
        format!("{H}{ANN}{row}\n{BOB}"),
        &["2 Ann", "4 Bob"],
        &[(3, "name", "unparsable_line", says)],
    )
}

#[test]
fn b13_a_quote_that_never_closes_refuses_the_file_and_is_told_by_its_line() {
    let open = |end: &str| {
        let start = [H, ANN].concat() + "a@b.c,\"two\nlines\",01/02/1990\nb@b.c,\"x\ny,z\n";
        (start + &BOB.repeat(5_000)).replace('\n', end)
    };
    let says: &[_] = &["quote", "line 5", "never closed"];
    try_out(
        &users(),
        &USERS,
        &[
            refused("B13", "LF", open("\n"), says),
            refused("B13", "CRLF", open("\r\n"), says),
            refused("B13", "CR", open("\r"), says),
            refused(
                "B13",
                "on the last line",
                format!("{H}{ANN}a@b.c,x,\""),
                &["line 3"],
            ),
            refused(
                "B13",
                "in the header",
                "email,\"name\n",
                &["line 1", "never closed"],
            ),
        ],
    );
}

#[test]
fn b14_to_b17_a_stray_quote_costs_its_row_and_no_other() {
    let (after, inside) = (
        "follows the quote that closes",
        "quote stands inside a field",
    );
    try_out(
        &users(),
        &USERS,
        &[
            broken("B14", "a@b.c,\"x\"y,01/02/1990", after),
            broken("B14", "a@b.c,\"x\" ,01/02/1990", after),
            broken("B14", "a@b.c,\"x\"\"\"y,01/02/1990", after),
            broken("B15", "a@b.c,x\"y,01/02/1990", inside),
            broken("B15", "a@b.c,x\"y\",01/02/1990", inside),
            broken("B15", "a@b.c,5' 3\",01/02/1990", inside),
            broken("B16", "a@b.c,\"x\\\"y\\\"\",01/02/1990", after),
            broken("B17", "a@b.c, \"b,c\",01/02/1990", inside),
            refused(
                "B14",
                "in the header",
                format!("\"email\"x,name,date_of_birth\n{ANN}"),
                &["header", "line 1", after],
            ),
        ],
    );
}

#[test]
fn b18_a_quoted_field_holds_what_it_holds_and_lines_stay_physical() {
    let name = "\"a\nb\r\nc\rd,e\"\"f\"\"\"";
    let file = format!("{H}a@b.c,{name},01/02/1990\n{BOB}short\n");
    try_out(
        &users(),
        &USERS,
        &[
            rejecting(
                "B18",
                "LF, CRLF, CR, comma and quotes inside",
                &file,
                &["2 a\nb\r\nc\rd,e\"f\"", "6 Bob"],
                &[(7, "", "too_few_fields", "1 field")],
            ),
            loaded(
                "B18",
                "everything quoted",
                "\"email\",\"name\",\"date_of_birth\"\n\"a@b.c\",\"\"\"\",\"01/02/1990\"",
                &["2 \""],
            ),
        ],
    );
}

#[test]
fn b29_b30_what_copy_gives_a_meaning_is_data() {
    let named = |name: &str| format!("{H}a@b.c,{name},01/02/1990\n{BOB}");
    try_out(
        &users(),
        &USERS,
        &[
            rejecting(
                "B29",
                "a line that ends the data of COPY",
                format!("{H}{ANN}\\.\n{BOB}"),
                &["2 Ann", "4 Bob"],
                &[(3, "", "too_few_fields", "1 field")],
            ),
            loaded(
                "B29",
                "the same as a value",
                named("\\."),
                &["2 \\.", "3 Bob"],
            ),
            loaded(
                "B29",
                "the same quoted, on its own line",
                named("\"\n\\.\n\""),
                &["2 \n\\.\n", "5 Bob"],
            ),
            loaded("B30", "NULL of COPY", named("\\N"), &["2 \\N", "3 Bob"]),
            loaded("B30", "a tab", named("x\ty"), &["2 x\ty", "3 Bob"]),
            loaded(
                "B30",
                "backslashes",
                named("\\x\\\\y\\"),
                &["2 \\x\\\\y\\", "3 Bob"],
            ),
            loaded(
                "B30",
                "a backslash before a line end",
                named("\"x\\\ny\""),
                &["2 x\\\ny", "4 Bob"],
            ),
            loaded(
                "B30",
                "escapes of C",
                named("\\n\\t\\0\\x41"),
                &["2 \\n\\t\\0\\x41", "3 Bob"],
            ),
        ],
    );
}

#[test]
fn a_misplaced_quote_counts_each_row_that_it_takes_in() {
    let open = "a@b.c,\"x,01/02/1990\nc@b.c,Cy,01/02/1990\nd@b.c,\"y,01/02/1990\n";
    try_out(
        &users(),
        &USERS,
        &[rejecting(
            "4",
            "an open quote",
            format!("{H}{ANN}{open}{BOB}"),
            &["2 Ann", "6 Bob"],
            &[
                (
                    3,
                    "name",
                    "unparsable_line",
                    "a quote opens there, and on line 5",
                ),
                (4, "", "unparsable_line", "begins on line 3"),
                (5, "", "unparsable_line", "begins on line 3"),
            ],
        )],
    );
}

#[test]
fn a_text_that_is_misquoted_is_one_row() {
    let text = "a@b.c,\"He said\nhello\nand \"bye\" there\",01/02/1990\n";
    try_out(
        &users(),
        &USERS,
        &[rejecting(
            "4",
            "quotes inside a text of several lines",
            format!("{H}{ANN}{text}{BOB}"),
            &["2 Ann", "6 Bob"],
            &[(3, "name", "unparsable_line", "on line 5 text follows")],
        )],
    );
}
