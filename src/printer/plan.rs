//! A plan in words: what a load would do, as a table of counts, and some keys of each kind of
//! change, each version before beside the same one after. Pure.

mod rows;
mod samples;

use super::columns::{Columns, Side};
use super::counts::{self, Counted};
use crate::digits::grouped;
use crate::merge::{Plan, Sample};
use crate::stage::Tally;
use crate::summary::Summary;

/// The counts, and what the table would get.
#[must_use]
pub fn counts_of(plan: &Plan, width: Option<usize>) -> Vec<String> {
    let mut lines = table_of_counts(&plan.entry.summary).lines(width);
    if !plan.added_columns.is_empty() {
        lines.push(format!("new columns: {}", plan.added_columns.join(", ")));
    }
    if plan.entry.released > 0 {
        lines.push(format!(
            "held facts that waited for these and would be loaded: {}",
            grouped(plan.entry.released)
        ));
    }
    if plan.entry.refused > 0 {
        lines.push(format!(
            "held facts that would stay held, as their table refuses them: {}",
            grouped(plan.entry.refused)
        ));
    }
    lines
}

/// The counts of a file that would be refused.
#[must_use]
pub fn counts_of_rows(tally: Tally, width: Option<usize>) -> Vec<String> {
    let mut table = empty_table();
    for (what, count) in [
        ("read", tally.read),
        ("rejected", tally.rejected),
        ("duplicate", tally.duplicates),
    ] {
        table.row([what.to_owned(), grouped(count)]);
    }
    table.lines(width)
}

fn empty_table() -> Columns {
    Columns::new(&[("rows", Side::Left), ("", Side::Right)])
}

fn table_of_counts(summary: &Summary) -> Columns {
    let mut table = empty_table();
    table.row(["read".to_owned(), grouped(summary.rows.read)]);
    table.row(["accepted".to_owned(), grouped(summary.rows.accepted)]);
    let rows = counts::rows(&summary.rows);
    let changes = counts::changes(&summary.changes);
    for counted in changes.iter().chain(&rows) {
        if counted.count > 0 {
            table.row([counted.word.to_owned(), grouped(counted.count)]);
        }
    }
    table
}

/// What has nothing to show as long as anything else has.
const NOISE: [&str; 2] = ["unchanged", "late_unchanged"];

/// The samples, some for each kind of change. Columns that are not of the key are shown where
/// something in them differs; of new keys all are. A fact is one row, with what it was and what it is.
#[must_use]
pub fn samples_of(plan: &Plan, key: &[&str], width: Option<usize>) -> Vec<String> {
    let summary = &plan.entry.summary;
    let kinds = counts::changes(&summary.changes).into_iter();
    let mut shown: Vec<(Counted, Vec<&Sample>)> = kinds
        .chain(counts::rows(&summary.rows))
        .map(|counted| (counted, samples_to_show(plan, counted)))
        .filter(|(_, samples)| !samples.is_empty())
        .collect();
    let is_noise = |(counted, _): &(Counted, _)| NOISE.contains(&counted.field);
    if !shown.iter().all(is_noise) {
        shown.retain(|kind| !is_noise(kind));
    }
    let mut lines = Vec::new();
    for (counted, samples) in shown {
        lines.push(String::new());
        lines.push(title(counted, samples.len() as u64));
        lines.extend(samples::lines(&samples, key, width));
    }
    lines
}

/// A key that stays as it is has nothing to show.
fn samples_to_show(plan: &Plan, counted: Counted) -> Vec<&Sample> {
    let samples = plan.samples.iter();
    samples
        .filter(|sample| sample.action == counted.field && sample.before != sample.after)
        .collect()
}

fn title(counted: Counted, shown: u64) -> String {
    if shown < counted.count {
        format!("{}, {shown} of {}:", counted.word, grouped(counted.count))
    } else {
        format!("{}:", counted.word)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use uuid::Uuid;

    use super::*;
    use crate::contract::TableName;
    use crate::merge::ledger::Entry;
    use crate::merge::{Subject, Version};
    use crate::summary::{Changes, Rows, Seconds, Status};

    fn version(starts: &str, ends: Option<&str>, values: &[(&str, Option<&str>)]) -> Version {
        let at = |text: &str| format!("2026-11-{text}T00:00:00Z").parse().unwrap();
        Version {
            starts: at(starts),
            ends: ends.map(at),
            values: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect(),
            load_id: 7,
            line: 2,
        }
    }

    fn plan(changes: Changes, samples: Vec<Sample>) -> Plan {
        let summary = Summary {
            load_id: None,
            table: TableName::new("users"),
            file: "users.csv".into(),
            status: Status::Loaded,
            rows: Rows {
                read: 1204,
                accepted: 1203,
                rejected: 1,
                ..Rows::default()
            },
            changes,
            seconds: Seconds::default(),
        };
        Plan {
            entry: Entry {
                summary,
                reason: None,
                set_aside: None,
                released: 0,
                refused: 0,
            },
            samples,
            added_columns: vec!["phone".into()],
            closes: None,
            changes: None,
            path: "in order",
        }
    }

    #[test]
    fn the_counts_stand_under_each_other_and_those_that_are_zero_are_left_out() {
        let changes = Changes {
            inserted: 3,
            late_unchanged: 1200,
            ..Changes::default()
        };
        assert_eq!(
            counts_of(&plan(changes, Vec::new()), None),
            [
                "rows",
                "read                1,204",
                "accepted            1,203",
                "new                     3",
                "late and unchanged  1,200",
                "rejected                1",
                "new columns: phone",
            ]
        );
    }

    fn ada(email: &str) -> Sample {
        let values = |name, born| {
            [
                ("name", Some(name)),
                ("date_of_birth", Some(born)),
                ("email", Some(email)),
                ("town", Some("Brno")),
            ]
        };
        let (then, now) = (
            values("Ada Ahmed", "1970-01-01"),
            values("Ada Bauer", "1970-01-02"),
        );
        Sample {
            action: "updated".into(),
            subject: Subject::Key,
            key: Uuid::nil(),
            before: vec![version("10", None, &then)],
            after: vec![version("10", Some("12"), &then), version("12", None, &now)],
        }
    }

    fn drawn(samples: Vec<Sample>, width: Option<usize>, expected: &Expect) {
        let mut changes = Changes::default();
        for sample in &samples {
            match &*sample.action {
                "updated" => changes.updated += 60,
                "inserted" => changes.inserted += 1,
                "moved" => changes.moved += 1,
                _ => changes.late_unchanged += 1,
            }
        }
        let lines = samples_of(&plan(changes, samples), &["email"], width);
        for line in &lines {
            let most = width.unwrap_or(200);
            assert!(line.chars().count() <= most, "{line:?} is too long");
        }
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        expected.assert_eq(&text);
    }

    #[test]
    fn a_change_is_told_once_as_an_end_and_once_as_a_beginning() {
        drawn(
            vec![ada("a@x.org")],
            None,
            &expect![[r"

            changed, 1 of 60:
               from        to              name                   date_of_birth            email
            ~  2026-11-10  – → 2026-11-12  Ada Ahmed              1970-01-01               a@x.org
            +  2026-11-12  –               Ada Ahmed → Ada Bauer  1970-01-01 → 1970-01-02  a@x.org
        "]],
        );
    }

    #[test]
    fn between_keys_of_several_versions_there_is_a_gap() {
        drawn(
            vec![ada("a@x.org"), ada("b@x.org")],
            Some(200),
            &expect![[r"

                changed, 2 of 120:
                   from        to              name                   date_of_birth            email
                ~  2026-11-10  – → 2026-11-12  Ada Ahmed              1970-01-01               a@x.org
                +  2026-11-12  –               Ada Ahmed → Ada Bauer  1970-01-01 → 1970-01-02  a@x.org

                ~  2026-11-10  – → 2026-11-12  Ada Ahmed              1970-01-01               b@x.org
                +  2026-11-12  –               Ada Ahmed → Ada Bauer  1970-01-01 → 1970-01-02  b@x.org
            "]],
        );
    }

    #[test]
    fn where_the_table_does_not_fit_each_change_has_a_line_and_its_arrow() {
        let keys = || vec![ada("ada.ahmed@example.com"), ada("b@x.org")];
        drawn(
            keys(),
            Some(60),
            &expect![[r"

                changed, 2 of 120:
                     email  ada.ahmed@example.com
                ~  from 2026-11-10 to – → 2026-11-12
                     name           Ada Ahmed
                     date_of_birth  1970-01-01
                +  from 2026-11-12 to –
                     name           Ada Ahmed → Ada Bauer
                     date_of_birth  1970-01-01 → 1970-01-02

                     email  b@x.org
                ~  from 2026-11-10 to – → 2026-11-12
                     name           Ada Ahmed
                     date_of_birth  1970-01-01
                +  from 2026-11-12 to –
                     name           Ada Ahmed → Ada Bauer
                     date_of_birth  1970-01-01 → 1970-01-02
            "]],
        );
        drawn(
            keys(),
            Some(30),
            &expect![[r"

                changed, 2 of 120:
                     email  ada.ahme…ample.com
                ~  from 2026-11-10
                   to – → 2026-11-12
                     name           Ada Ahmed
                     date_of_birth  1970-01-01
                +  from 2026-11-12 to –
                     name           A…d → A…er
                     date_of_birth  1…1 → 1…02

                     email  b@x.org
                ~  from 2026-11-10
                   to – → 2026-11-12
                     name           Ada Ahmed
                     date_of_birth  1970-01-01
                +  from 2026-11-12 to –
                     name           A…d → A…er
                     date_of_birth  1…1 → 1…02
            "]],
        );
    }

    #[test]
    fn a_list_tells_what_goes_and_what_stays_and_nothing_twice() {
        let mut undone = ada("ada.ahmed@example.com");
        std::mem::swap(&mut undone.before, &mut undone.after);
        let mut named = ada("b@x.org");
        named.after[1].values[1].1 = Some("1970-01-01".into());
        drawn(
            vec![undone, named],
            Some(60),
            &expect![[r"

            changed, 2 of 120:
                 email  ada.ahmed@example.com
            ~  from 2026-11-10 to 2026-11-12 → –
                 name           Ada Ahmed
                 date_of_birth  1970-01-01
            -  from 2026-11-12 to –
                 name           Ada Bauer
                 date_of_birth  1970-01-02

                 email  b@x.org
            ~  from 2026-11-10 to – → 2026-11-12
                 name           Ada Ahmed
                 date_of_birth  1970-01-01
            +  from 2026-11-12 to –
                 name  Ada Ahmed → Ada Bauer
        "]],
        );
    }

    #[test]
    fn a_long_value_moves_nothing_out_of_sight_in_a_file_either() {
        let mut long = ada("a@x.org");
        long.after[1].values[0].1 = Some("x".repeat(300));
        drawn(
            vec![long],
            None,
            &expect![[r"

            changed, 1 of 60:
               from        to              name                                                          date_of_birth            email
            ~  2026-11-10  – → 2026-11-12  Ada Ahmed                                                     1970-01-01               a@x.org
            +  2026-11-12  –               Ada Ahmed → xxxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxx  1970-01-01 → 1970-01-02  a@x.org
        "]],
        );
    }

    #[test]
    fn a_key_that_nothing_happened_to_is_left_out_beside_others() {
        let mut same = ada("same@x.org");
        same.action = "late_unchanged".into();
        same.after = same.before.clone();
        same.after[0].line = 9;
        drawn(
            vec![same.clone(), ada("a@x.org")],
            None,
            &expect![[r"

            changed, 1 of 60:
               from        to              name                   date_of_birth            email
            ~  2026-11-10  – → 2026-11-12  Ada Ahmed              1970-01-01               a@x.org
            +  2026-11-12  –               Ada Ahmed → Ada Bauer  1970-01-01 → 1970-01-02  a@x.org
        "]],
        );
        drawn(
            vec![same],
            None,
            &expect![[r"

            late and unchanged:
              from        to  email
              2026-11-10  –   same@x.org
        "]],
        );
    }

    #[test]
    fn a_new_key_is_shown_whole_and_a_version_that_goes_with_a_minus() {
        let person =
            |starts, email, name| version(starts, None, &[("email", Some(email)), ("name", name)]);
        let new = |email, name| Sample {
            action: "inserted".into(),
            subject: Subject::Key,
            key: Uuid::nil(),
            before: Vec::new(),
            after: vec![person("12", email, name)],
        };
        let mut gone = Sample {
            action: "moved".into(),
            subject: Subject::Key,
            key: Uuid::nil(),
            before: vec![person("10", "b@x", Some("B"))],
            after: vec![person("10", "b@x", Some("B"))],
        };
        gone.after[0].starts = "2026-11-09T12:00:00.5Z".parse().unwrap();
        let samples = vec![gone, new("a@x", Some("A\nB")), new("c@x", None)];
        drawn(
            samples,
            None,
            &expect![[r"

            new:
               from        to  email  name
            +  2026-11-12  –   a@x    A\nB
            +  2026-11-12  –   c@x    NULL

            moved:
               from                 to  email
            +  2026-11-09 12:00:00  –   b@x
            -  2026-11-10           –   b@x
        "]],
        );
    }

    /// Facts: one that is changed, one that goes, and one that waits with a newer row.
    fn facts() -> Vec<Sample> {
        let row = |amount| {
            version(
                "10",
                None,
                &[("id", Some("no-0000000007")), ("amount", amount)],
            )
        };
        let of = |action: &str, before: Option<Version>, after: Option<Version>| Sample {
            action: action.into(),
            subject: Subject::Fact,
            key: Uuid::nil(),
            before: before.into_iter().collect(),
            after: after.into_iter().collect(),
        };
        let mut late = row(Some("71.00"));
        late.starts = "2026-11-12T00:00:00Z".parse().unwrap();
        let silent = version("10", None, &[("id", Some("no-0000000007"))]);
        vec![
            of("updated", Some(row(Some("70.00"))), Some(late)),
            of("updated", Some(row(None)), Some(row(Some("1.00")))),
            of("inserted", None, Some(row(None))),
            of("closed", Some(row(Some("70.00"))), None),
            of("held", Some(silent.clone()), Some(row(Some("2.00")))),
            of("held", None, Some(silent)),
        ]
    }

    fn drawn_facts(width: Option<usize>, expected: &Expect) {
        let changes = Changes {
            inserted: 1,
            updated: 20,
            closed: 1,
            ..Changes::default()
        };
        let mut plan = plan(changes, facts());
        plan.entry.summary.rows.held = 2;
        let lines = samples_of(&plan, &["id"], width);
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        expected.assert_eq(&text);
    }

    #[test]
    fn a_fact_is_one_row_with_both_its_values() {
        drawn_facts(
            None,
            &expect![[r"

                new:
                   id             amount
                +  no-0000000007  NULL

                changed, 2 of 20:
                   id             amount
                ~  no-0000000007  70.00 → 71.00
                ~  no-0000000007  NULL → 1.00

                closed:
                   id             amount
                -  no-0000000007  70.00

                held:
                   id             amount
                ~  no-0000000007  – → 2.00
                +  no-0000000007  –
            "]],
        );
        drawn_facts(
            Some(28),
            &expect![[r"

                new:
                   id             amount
                +  no-0000000007  NULL

                changed, 2 of 20:
                ~    id  no-0000000007
                     amount  70.00 → 71.00

                ~    id  no-0000000007
                     amount  NULL → 1.00

                closed:
                   id             amount
                -  no-0000000007  70.00

                held:
                   id             amount
                ~  no-0000000007  – → 2.00
                +  no-0000000007  –
            "]],
        );
    }
}
