//! The worked examples of the rule book (semantics §17), by their numbers.
//!
//! Each is told twice, on paper and to the program. On paper means to the definition in
//! [`fold`](super::fold): so the examples vouch for the definition, and the definition for the
//! program in [`laws`](super::laws). Keys are `k`, `l`, `m`; `k=A` is a row whose name is A, `-k` one
//! that deletes; `[5,8)` is from day 5 to day 8.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hayloft::merge::Turn;
use hayloft::summary::Summary;
use serde_json::Value;

use super::deliveries::{self, Way, date};
use super::engine::Engine;
use super::fold::{self, Absence, History, Instant, NewColumn, Observation, Role, Rules, Said};
use crate::support::Warehouse;

/// An example while it is told.
struct Tale {
    rules: Rules,
    engine: Option<Engine>,
    told: Vec<Told>,
    /// What the program counted when it was told last.
    counted: Option<Summary>,
}

struct Told {
    label: &'static str,
    says: fold::Load,
    is_undone: bool,
    load_id: Option<i64>,
}

/// A row: a key, and what is said of it; of a deleted one nothing.
type Row<'a> = (&'a str, Option<BTreeMap<&'a str, &'a str>>);

impl Tale {
    fn on_paper(new_column: NewColumn) -> Self {
        let mut rules = deliveries::rules(new_column);
        // The column that the table does not have.
        rules.roles.insert("club".to_owned(), Role::Type2);
        Self {
            rules,
            engine: None,
            told: Vec::new(),
            counted: None,
        }
    }

    fn to_the_program(new_column: NewColumn) -> Self {
        let engine = Engine::new(&deliveries::rules(new_column));
        Self {
            engine: Some(engine),
            ..Self::on_paper(new_column)
        }
    }

    fn file(&mut self, label: &'static str, at: Instant, rows: &str) {
        self.tell(Way::Incremental, label, at, rows);
    }

    fn snapshot(&mut self, label: &'static str, at: Instant, rows: &str) {
        self.tell(Way::Snapshot, label, at, rows);
    }

    fn feed(&mut self, label: &'static str, at: Instant, rows: &str) {
        self.tell(Way::Feed, label, at, rows);
    }

    fn tell(&mut self, way: Way, label: &'static str, at: Instant, rows: &str) {
        let rows: Vec<Row<'_>> = rows.split(", ").map(row).collect();
        let number = self.told.len();
        let says = says(way, at, number, &rows);
        let load_id = self.engine.as_mut().map(|engine| {
            engine.look_again();
            let file = format!("members-{label}-{}.csv", date(at));
            let entry = engine.load(way, &file, &text(way, at, &rows)).unwrap();
            assert_eq!(entry.reason, None);
            let load_id = entry.summary.load_id.unwrap();
            self.counted = Some(entry.summary);
            load_id
        });
        self.told.push(Told {
            label,
            says,
            is_undone: false,
            load_id,
        });
    }

    fn undo(&mut self, label: &str) {
        self.turn(label, Turn::Undo);
    }

    fn redo(&mut self, label: &str) {
        self.turn(label, Turn::Redo);
    }

    fn turn(&mut self, label: &str, turn: Turn) {
        let told = self.told.iter_mut().find(|told| told.label == label);
        let told = told.unwrap();
        told.is_undone = turn == Turn::Undo;
        if let (Some(engine), Some(load_id)) = (&mut self.engine, told.load_id) {
            engine.turn(load_id, turn).unwrap();
        }
    }

    /// All columns keep history from now on.
    fn begin_history(&mut self) {
        let counting = self.told.iter().filter(|told| !told.is_undone);
        let counting: Vec<fold::Load> = counting.map(|told| told.says.clone()).collect();
        let table = fold::table(&self.rules, &counting);
        let counting = self.told.iter_mut().filter(|told| !told.is_undone);
        fold::begin_history(&self.rules, &table, counting.map(|told| &mut told.says));
        for role in self.rules.roles.values_mut() {
            *role = Role::Type2;
        }
        if let Some(engine) = &mut self.engine {
            let mut rules = self.rules.clone();
            rules.roles.remove("club");
            engine.change(&rules);
        }
    }

    /// Asserts on every version that is there.
    #[track_caller]
    fn shows(&mut self, expected: &[&str]) {
        let counting = self.told.iter().filter(|told| !told.is_undone);
        let counting: Vec<fold::Load> = counting.map(|told| told.says.clone()).collect();
        let table = fold::table(&self.rules, &counting);
        assert_eq!(self.timeline(&table, |told, _| told), expected, "on paper");
        if let Some(engine) = &mut self.engine {
            let table = engine.table();
            let load_id = |told: usize, tale: &Self| {
                let by = tale
                    .told
                    .iter()
                    .position(|load| load.load_id == Some(i64::try_from(told).unwrap()));
                by.unwrap()
            };
            assert_eq!(self.timeline(&table, load_id), expected, "in the table");
        }
    }

    fn timeline(&self, table: &History, place: impl Fn(usize, &Self) -> usize) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, versions) in table {
            for version in versions {
                let to = version.to.map_or("∞".to_owned(), |to| to.to_string());
                let key = key.trim_end_matches("@x.org");
                let mut line = format!("{key} [{},{to})", version.from);
                for (column, value) in &version.values {
                    let _ = match (column.as_str(), value) {
                        ("name", Some(value)) => write!(line, " {value}"),
                        (_, Some(value)) => write!(line, " {column}={value}"),
                        (_, None) => Ok(()),
                    };
                }
                let by = self.told[place(version.load, self)].label;
                lines.push(format!("{line} by {by}"));
            }
        }
        lines
    }

    /// Asserts on one of the counts of the latest load, where there is a program to count.
    #[track_caller]
    fn counts(&self, what: &str, expected: u64) {
        let Some(summary) = &self.counted else { return };
        let changes = serde_json::to_value(summary.changes).unwrap();
        assert_eq!(
            changes[what],
            Value::from(expected),
            "{what} in {changes:#}"
        );
    }

    /// The surrogate of a version, where there is a program to give any.
    fn id(&mut self, key: &str, from: Instant) -> Option<i64> {
        let engine = self.engine.as_mut()?;
        engine.ids().remove(&(format!("{key}@x.org"), from))
    }
}

/// `k=A phone=p1` or `-k`.
fn row(text: &str) -> Row<'_> {
    if let Some(key) = text.strip_prefix('-') {
        return (key, None);
    }
    let (key, values) = text.split_once('=').unwrap();
    let mut words = values.split(' ');
    let mut values = BTreeMap::from([("name", words.next().unwrap())]);
    values.extend(words.map(|word| word.split_once('=').unwrap()));
    (key, Some(values))
}

fn says(way: Way, at: Instant, number: usize, rows: &[Row<'_>]) -> fold::Load {
    let observation = |((key, values), line): (&Row<'_>, u64)| Observation {
        key: format!("{key}@x.org"),
        at,
        sequence: if way == Way::Feed {
            vec![0]
        } else {
            Vec::new()
        },
        load: number,
        line,
        said: match values {
            None => Said::Absent,
            Some(values) => {
                let values = values.iter();
                let values =
                    values.map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
                Said::Present(values.collect())
            }
        },
        defaults: fold::Values::new(),
    };
    let rows: Vec<Observation> = rows.iter().zip(2..).map(observation).collect();
    let absence = (way == Way::Snapshot).then(|| Absence {
        at,
        named: rows.iter().map(|row| row.key.clone()).collect(),
    });
    fold::Load {
        number,
        rows,
        absence,
    }
}

/// The file of these rows.
fn text(way: Way, at: Instant, rows: &[Row<'_>]) -> String {
    let of_rows = rows.iter().flat_map(|(_, values)| values);
    let columns: BTreeSet<&str> = of_rows.flat_map(|values| values.keys().copied()).collect();
    let of_feed = |text: String| {
        if way == Way::Feed {
            text
        } else {
            String::new()
        }
    };
    let mut file = format!("email{}", of_feed(",changed_at,lsn,op".to_owned()));
    for column in &columns {
        let _ = write!(file, ",{column}");
    }
    for (key, values) in rows {
        let op = if values.is_some() { "upsert" } else { "delete" };
        let _ = write!(
            file,
            "\n{key}@x.org{}",
            of_feed(format!(",{},0,{op}", date(at)))
        );
        for column in &columns {
            let value = values.as_ref().and_then(|values| values.get(column));
            let _ = write!(file, ",{}", value.unwrap_or(&"-"));
        }
    }
    file + "\n"
}

/// Each example, told twice.
macro_rules! examples {
    ($($name:ident, $new_column:ident;)*) => {
        mod on_paper {
            use super::{NewColumn, Tale};
            $(
                #[test]
                fn $name() {
                    super::$name(Tale::on_paper(NewColumn::$new_column));
                }
            )*
        }
        mod told_to_the_program {
            use super::{NewColumn, Tale};
            $(
                #[test]
                fn $name() {
                    super::$name(Tale::to_the_program(NewColumn::$new_column));
                }
            )*
        }
    };
}

examples! {
    example_17_1_a_key_that_a_file_leaves_out_is_untouched, Fills;
    example_17_2_a_late_value_ends_where_the_next_was_heard, Fills;
    example_17_3_a_late_snapshot_reaches_to_the_next_one, Fills;
    example_17_4_a_snapshot_still_holds_after_a_late_event, Fills;
    example_17_6_a_delete_is_remembered_until_its_insert_comes, Fills;
    example_17_7_who_comes_back_has_a_gap, Fills;
    example_17_8_a_load_in_the_middle_is_undone, Fills;
    example_17_9_a_late_row_does_not_overwrite_a_newer_phone, Fills;
    example_17_13_a_new_column_fills_the_current_version, Fills;
    example_17_13_a_new_column_is_a_change_if_the_contract_says_so, Changes;
    a_correction_at_the_same_instant_replaces_in_place, Fills;
    what_came_first_stays_in_a_column_of_type_0, Fills;
    what_was_loaded_before_a_column_kept_history_stays, Fills;
    who_was_absent_from_their_first_instant_on_is_back_after_an_undo, Fills;
}

fn example_17_1_a_key_that_a_file_leaves_out_is_untouched(mut tale: Tale) {
    tale.file("L1", 5, "k=A, m=A");
    tale.counts("inserted", 2);
    tale.file("L2", 8, "k=B");
    tale.counts("updated", 1);
    tale.shows(&["k [5,8) A by L1", "k [8,∞) B by L2", "m [5,∞) A by L1"]);
}

fn example_17_2_a_late_value_ends_where_the_next_was_heard(mut tale: Tale) {
    tale.file("L1", 5, "k=A");
    tale.file("L2", 10, "k=A");
    tale.file("L3", 15, "k=A");
    tale.counts("unchanged", 1);
    tale.shows(&["k [5,∞) A by L1"]);

    tale.file("L4", 12, "k=B");
    tale.counts("split", 1);
    let all = ["k [5,12) A by L1", "k [12,15) B by L4", "k [15,∞) A by L3"];
    tale.shows(&all);

    tale.undo("L1");
    tale.shows(&["k [10,12) A by L2", "k [12,15) B by L4", "k [15,∞) A by L3"]);
    tale.redo("L1");
    tale.shows(&all);

    tale.undo("L3");
    tale.shows(&["k [5,12) A by L1", "k [12,∞) B by L4"]);
    tale.redo("L3");
    tale.shows(&all);

    tale.undo("L4");
    tale.shows(&["k [5,∞) A by L1"]);
}

fn example_17_3_a_late_snapshot_reaches_to_the_next_one(mut tale: Tale) {
    tale.snapshot("S1", 10, "k=A, l=A");
    tale.snapshot("S2", 30, "k=B");
    tale.counts("closed_by_absence", 1);
    tale.shows(&["k [10,30) A by S1", "k [30,∞) B by S2", "l [10,30) A by S1"]);

    tale.snapshot("S3", 20, "k=A, l=B, m=C");
    tale.shows(&[
        "k [10,30) A by S1",
        "k [30,∞) B by S2",
        "l [10,20) A by S1",
        "l [20,30) B by S3",
        // S2 is known not to have it.
        "m [20,30) C by S3",
    ]);

    tale.undo("S2");
    tale.shows(&[
        "k [10,∞) A by S1",
        "l [10,20) A by S1",
        "l [20,∞) B by S3",
        "m [20,∞) C by S3",
    ]);
}

fn example_17_4_a_snapshot_still_holds_after_a_late_event(mut tale: Tale) {
    tale.snapshot("S1", 10, "k=A");
    tale.snapshot("S2", 20, "k=A");
    tale.shows(&["k [10,∞) A by S1"]);
    tale.file("E1", 15, "k=B");
    tale.shows(&["k [10,15) A by S1", "k [15,20) B by E1", "k [20,∞) A by S2"]);
}

fn example_17_6_a_delete_is_remembered_until_its_insert_comes(mut tale: Tale) {
    tale.feed("D1", 20, "-k");
    tale.counts("absent_already", 1);
    tale.shows(&[]);
    tale.feed("L1", 10, "k=A");
    tale.shows(&["k [10,20) A by L1"]);
}

fn example_17_7_who_comes_back_has_a_gap(mut tale: Tale) {
    tale.feed("L1", 5, "k=A");
    tale.feed("D1", 8, "-k");
    tale.counts("closed", 1);
    tale.shows(&["k [5,8) A by L1"]);
    tale.feed("L2", 12, "k=A");
    tale.counts("reopened", 1);
    tale.shows(&["k [5,8) A by L1", "k [12,∞) A by L2"]);
    tale.undo("D1");
    tale.shows(&["k [5,∞) A by L1"]);
}

fn example_17_8_a_load_in_the_middle_is_undone(mut tale: Tale) {
    tale.file("L1", 5, "k=A");
    tale.file("L2", 8, "k=B");
    tale.file("L3", 12, "k=A");
    let all = ["k [5,8) A by L1", "k [8,12) B by L2", "k [12,∞) A by L3"];
    tale.shows(&all);
    let first = tale.id("k", 5);

    tale.undo("L2");
    tale.shows(&["k [5,∞) A by L1"]);
    assert_eq!(
        tale.id("k", 5),
        first,
        "a version that keeps its start keeps its id"
    );
    tale.redo("L2");
    tale.shows(&all);

    tale.undo("L1");
    tale.shows(&["k [8,12) B by L2", "k [12,∞) A by L3"]);
}

fn example_17_9_a_late_row_does_not_overwrite_a_newer_phone(mut tale: Tale) {
    tale.file("L1", 5, "k=A phone=p1");
    tale.file("L2", 10, "k=B phone=p2");
    tale.counts("updated", 1);
    tale.counts("overwritten", 1);
    tale.file("L3", 15, "k=B phone=p3");
    tale.counts("overwritten", 1);
    tale.file("L4", 12, "k=B phone=pX");
    tale.counts("overwritten", 0);
    tale.shows(&["k [5,10) A phone=p3 by L1", "k [10,∞) B phone=p3 by L2"]);
    tale.undo("L3");
    tale.shows(&["k [5,10) A phone=pX by L1", "k [10,∞) B phone=pX by L2"]);
}

fn example_17_13_a_new_column_fills_the_current_version(mut tale: Tale) {
    tale.file("L1", 5, "k=A");
    tale.file("L2", 9, "k=A club=c1");
    tale.counts("filled", 1);
    tale.shows(&["k [5,∞) club=c1 A by L1"]);
    tale.file("L3", 12, "k=A");
    tale.counts("unchanged", 1);
    tale.shows(&["k [5,∞) club=c1 A by L1"]);
    // What was filled goes with the load that filled it.
    tale.undo("L2");
    tale.shows(&["k [5,∞) A by L1"]);
}

fn example_17_13_a_new_column_is_a_change_if_the_contract_says_so(mut tale: Tale) {
    tale.file("L1", 5, "k=A");
    tale.file("L2", 9, "k=A club=c1");
    tale.counts("updated", 1);
    let both = ["k [5,9) A by L1", "k [9,∞) club=c1 A by L2"];
    tale.shows(&both);
    tale.file("L3", 12, "k=A");
    tale.counts("unchanged", 1);
    tale.shows(&both);
}

fn a_correction_at_the_same_instant_replaces_in_place(mut tale: Tale) {
    tale.file("L1", 5, "k=A");
    tale.file("L2", 8, "k=B");
    let corrected = tale.id("k", 8);
    tale.file("L3", 8, "k=C");
    tale.counts("corrected", 1);
    tale.shows(&["k [5,8) A by L1", "k [8,∞) C by L3"]);
    assert_eq!(tale.id("k", 8), corrected);
    // What lost is not forgotten.
    tale.undo("L3");
    tale.shows(&["k [5,8) A by L1", "k [8,∞) B by L2"]);
    assert_eq!(tale.id("k", 8), corrected);
}

fn what_came_first_stays_in_a_column_of_type_0(mut tale: Tale) {
    tale.file("L1", 5, "k=A origin=o1");
    tale.file("L2", 8, "k=B origin=o2");
    tale.shows(&["k [5,8) A origin=o1 by L1", "k [8,∞) B origin=o1 by L2"]);
    // A late row can still be the first.
    tale.file("L3", 2, "k=A origin=o0");
    tale.shows(&["k [2,8) A origin=o0 by L3", "k [8,∞) B origin=o0 by L2"]);
    tale.undo("L3");
    tale.shows(&["k [5,8) A origin=o1 by L1", "k [8,∞) B origin=o1 by L2"]);
}

fn what_was_loaded_before_a_column_kept_history_stays(mut tale: Tale) {
    tale.file("L1", 5, "k=A phone=p1");
    tale.file("L2", 8, "k=B");
    tale.file("L3", 10, "k=B phone=p3");
    let shown = ["k [5,8) A phone=p3 by L1", "k [8,∞) B phone=p3 by L2"];
    tale.shows(&shown);
    tale.begin_history();
    tale.shows(&shown);
    tale.file("L4", 12, "k=B phone=p4");
    tale.counts("updated", 1);
    tale.counts("overwritten", 0);
    let both = [
        "k [5,8) A phone=p3 by L1",
        "k [8,12) B phone=p3 by L2",
        "k [12,∞) B phone=p4 by L4",
    ];
    tale.shows(&both);
    // A late row asks for all that was ever said, and p1 is no version of the past all the same.
    tale.file("L5", 6, "k=C phone=p5");
    tale.shows(&[
        "k [5,6) A phone=p3 by L1",
        "k [6,8) C phone=p5 by L5",
        "k [8,12) B phone=p3 by L2",
        "k [12,∞) B phone=p4 by L4",
    ]);
    tale.undo("L5");
    tale.shows(&both);
}

fn who_was_absent_from_their_first_instant_on_is_back_after_an_undo(mut tale: Tale) {
    tale.snapshot("S1", 5, "k=A, m=A");
    tale.snapshot("S2", 5, "m=A");
    tale.counts("closed_by_absence", 1);
    tale.shows(&["m [5,∞) A by S2"]);
    tale.undo("S2");
    tale.shows(&["k [5,∞) A by S1", "m [5,∞) A by S1"]);
    tale.redo("S2");
    tale.shows(&["m [5,∞) A by S2"]);
}

#[test]
fn example_17_10_duplicates_in_one_file() {
    let warehouse = Warehouse::new();
    let file = "email,name,date_of_birth
Ann@x.org,Ann,01/02/1990
bob@x.org,Bob,01/02/1990
bob@x.org,Bob,01/02/1990
 ann@x.org,Anne,01/02/1990
,Cy,01/02/1990
";
    let load = warehouse.load("users.csv", file).only();
    assert_eq!(load["rows"]["read"], 5);
    assert_eq!(load["rows"]["accepted"], 2);
    assert_eq!(load["rows"]["rejected"], 1);
    // Line 2 lost to line 5, and line 4 says what line 3 does.
    assert_eq!(load["rows"]["duplicates"], 2);
    let rejects = "select line, kind, severity, winner_line from hayloft.reject order by line";
    assert_eq!(
        warehouse.query(rejects),
        "2 | conflicting_duplicate | warning | 5\n6 | null_key | error | ∅\n"
    );
    let names = "select email, name, source_line from datawarehouse.users order by email";
    assert_eq!(
        warehouse.query(names),
        "ann@x.org | Anne | 5\nbob@x.org | Bob | 3\n"
    );
}
