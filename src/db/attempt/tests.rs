//! What people read of a table that refuses a row.

use super::RuleBreach;

const SOMETHING: RuleBreach = RuleBreach {
    state: String::new(),
    constraint: None,
    table_name: None,
    column_name: None,
    domain: None,
    triggers: None,
};

fn breach(state: &str) -> RuleBreach {
    RuleBreach {
        state: state.into(),
        ..SOMETHING
    }
}

fn by_constraint(state: &str) -> RuleBreach {
    RuleBreach {
        constraint: Some("c".into()),
        ..breach(state)
    }
}

#[test]
fn the_sentence_names_what_refuses() {
    let table = [
        (by_constraint("23514"), "constraint `c` refuses the row."),
        (
            RuleBreach {
                domain: Some("d".into()),
                ..by_constraint("23514")
            },
            "constraint `c` of the domain `d`",
        ),
        (
            RuleBreach {
                table_name: Some("t".into()),
                ..breach("23514")
            },
            "no partition",
        ),
        (
            RuleBreach {
                domain: Some("d".into()),
                ..breach("23502")
            },
            "domain `d` requires",
        ),
        (
            RuleBreach {
                column_name: Some("n".into()),
                ..breach("23502")
            },
            "`n` has no value",
        ),
        (by_constraint("23503"), "foreign key `c`"),
        (by_constraint("23505"), "unique constraint `c`"),
        (by_constraint("23P01"), "exclusion constraint `c`"),
        (
            by_constraint("23001"),
            "`c` refuses the row (SQLSTATE 23001)",
        ),
        (breach("22012"), "refuses the row (SQLSTATE 22012)"),
        (
            RuleBreach {
                triggers: Some("`t`".into()),
                ..by_constraint("P0001")
            },
            "trigger `t` refuses the row (SQLSTATE P0001)",
        ),
    ];
    for (breach, expected) in table {
        let sentence = breach.sentence();
        assert!(sentence.contains(expected), "{sentence}");
    }
}
