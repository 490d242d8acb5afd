//! Random migrations between random loads, undos and redos, compared with a fold that knows nothing of
//! the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use hayloft::contract::{ContractFile, Contracts, TableName};
use hayloft::history::check;
use hayloft::merge::{self, Telling, Turn};
use hayloft::pipeline::{self, Desk, Outcome};
use hayloft::stage::key::KeyScheme;
use hayloft::watch::Arrival;

use super::engine::{Impatient, WISH, desk};
use crate::dice::{Dice, try_cases};
use crate::support::Warehouse;

const TABLE: &str = "
drop table if exists datawarehouse.acc cascade;
delete from hayloft.observation;
delete from hayloft.payload;
delete from hayloft.let_in;
delete from hayloft.manifest;
delete from hayloft.reject;
delete from hayloft.load;
delete from hayloft.contract;
delete from hayloft.table_identity;
create table datawarehouse.acc (
    acc_id uuid not null, code text not null, c0 text,
    effective_start_date timestamptz not null, effective_end_date timestamptz,
    version_number int not null, load_id bigint not null, source_line bigint not null,
    primary key (acc_id, effective_start_date)
);
create unique index on datawarehouse.acc (acc_id) where effective_end_date is null;
";

const CONTRACT: &str = r#"
[tables.acc]
key = ["code"]
durable_key = "acc_id"
effective = { file_name = "%Y-%m-%d" }
"#;

// ---- the definition ------------------------------------------------------------------------------

/// A column, by a number that no other column ever has.
type ColumnNumber = usize;

type Cells = BTreeMap<ColumnNumber, Option<String>>;

/// What one row, or one baseline, said of a key.
#[derive(Clone, Debug)]
struct Statement {
    code: String,
    day: i64,
    line: i64,
    values: Cells,
}

#[derive(Clone, Debug)]
struct Spoken {
    load_id: i64,
    is_undone: bool,
    is_baseline: bool,
    statements: Vec<Statement>,
    /// Of the columns that the file left out, those that the table had then.
    defaults: Cells,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct ShownVersion {
    from: i64,
    to: Option<i64>,
    number: i32,
    load_id: i64,
    line: i64,
    cells: Vec<Option<String>>,
}

/// What is left of the table when everything else is forgotten.
#[derive(Default)]
struct Definition {
    /// The columns that are there, in the table's order, each with its name.
    columns: Vec<(ColumnNumber, String)>,
    /// What new rows get in columns that have a default.
    defaults: Cells,
    spoken: Vec<Spoken>,
}

impl Definition {
    fn table(&self) -> BTreeMap<String, Vec<ShownVersion>> {
        let all = self.spoken.iter().flat_map(|load| &load.statements);
        let codes: BTreeSet<&String> = all.map(|it| &it.code).collect();
        let shown = codes
            .into_iter()
            .map(|code| (code.clone(), self.versions(code)));
        shown.filter(|(_, versions)| !versions.is_empty()).collect()
    }

    fn versions(&self, code: &str) -> Vec<ShownVersion> {
        let mut days: BTreeMap<i64, Day<'_>> = BTreeMap::new();
        for load in self.spoken.iter().filter(|load| !load.is_undone) {
            for said in load.statements.iter().filter(|said| said.code == code) {
                let day = days.entry(said.day).or_default();
                if load.is_baseline {
                    day.1.push((load.load_id, said));
                } else if day.0.is_none_or(|(before, _)| before < load.load_id) {
                    day.0 = Some((load.load_id, said));
                }
            }
        }
        let mut versions: Vec<ShownVersion> = Vec::new();
        let mut known: BTreeSet<ColumnNumber> = BTreeSet::new();
        for (day, (row, baselines)) in days {
            let speaker = row.or(baselines.first().copied());
            let Some((load_id, said)) = speaker.filter(|_| row.is_some() || !versions.is_empty())
            else {
                continue;
            };
            let mut values = said.values.clone();
            for (_, baseline) in baselines {
                for (column, value) in &baseline.values {
                    values.entry(*column).or_insert_with(|| value.clone());
                }
            }
            if versions.is_empty() {
                versions.push(self.begin(load_id, day, said.line));
            }
            self.take(
                &mut versions,
                &mut known,
                (day, load_id, said.line),
                &values,
            );
        }
        versions
    }

    /// The first version, before it is said what the row says.
    fn begin(&self, load_id: i64, day: i64, line: i64) -> ShownVersion {
        let load = self.spoken.iter().find(|load| load.load_id == load_id);
        let default = |(column, _): &(ColumnNumber, String)| {
            load.and_then(|load| load.defaults.get(column).cloned().flatten())
        };
        ShownVersion {
            from: day,
            to: None,
            number: 1,
            load_id,
            line,
            cells: self.columns.iter().map(default).collect(),
        }
    }

    fn take(
        &self,
        versions: &mut Vec<ShownVersion>,
        known: &mut BTreeSet<ColumnNumber>,
        (day, load_id, line): (i64, i64, i64),
        values: &Cells,
    ) {
        let place = |column: &ColumnNumber| self.columns.iter().position(|it| it.0 == *column);
        let spoken: Vec<(usize, ColumnNumber, &Option<String>)> = values
            .iter()
            .filter_map(|(column, value)| Some((place(column)?, *column, value)))
            .collect();
        let number = i32::try_from(versions.len()).unwrap() + 1;
        let Some(running) = versions.last_mut() else {
            return;
        };
        let differing: Vec<_> = spoken
            .iter()
            .filter(|(place, _, value)| running.cells[*place] != **value)
            .collect();
        let fills = differing
            .iter()
            .all(|(_, column, _)| !known.contains(column));
        let mut cells = running.cells.clone();
        for (place, _, value) in &differing {
            cells[*place].clone_from(value);
        }
        if fills {
            running.cells = cells;
        } else {
            running.to = Some(day);
            versions.push(ShownVersion {
                from: day,
                to: None,
                number,
                load_id,
                line,
                cells,
            });
        }
        known.extend(spoken.iter().map(|(_, column, _)| *column));
    }

    /// What a column that was just filled holds, as a statement of its own.
    fn note_baseline(&mut self, load_id: i64, column: ColumnNumber, shown: &Shown) {
        let place = self.columns.iter().position(|it| it.0 == column).unwrap();
        let mut statements = Vec::new();
        for (code, versions) in shown {
            let first = versions.iter().position(|it| it.cells[place].is_some());
            for version in first.into_iter().flat_map(|first| &versions[first..]) {
                statements.push(Statement {
                    code: code.clone(),
                    day: version.from,
                    line: version.number.into(),
                    values: BTreeMap::from([(column, version.cells[place].clone())]),
                });
            }
        }
        self.spoken.push(Spoken {
            load_id,
            is_undone: false,
            is_baseline: true,
            statements,
            defaults: Cells::new(),
        });
    }
}

/// What counts of the rows of one day, and the baselines, each with its load.
type Day<'s> = (Option<(i64, &'s Statement)>, Vec<(i64, &'s Statement)>);

type Shown = BTreeMap<String, Vec<ShownVersion>>;

// ---- the program -----------------------------------------------------------------------------

struct Program<'w> {
    warehouse: &'w Warehouse,
    desk: Desk,
    conn: PgConnection,
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = BigInt)]
    starts: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    ends: Option<i64>,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    cells: Vec<Option<String>>,
}

#[derive(QueryableByName)]
struct NewBaseline {
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = Text)]
    column_name: String,
}

impl<'w> Program<'w> {
    fn new(warehouse: &'w Warehouse) -> Self {
        let mut conn = warehouse.connection();
        conn.batch_execute(TABLE).unwrap();
        Self {
            warehouse,
            desk: desk(warehouse, CONTRACT),
            conn,
        }
    }

    fn load(&mut self, name: &str, text: &str) -> Result<i64, String> {
        let path = self.warehouse.write(name, text);
        let arrival = Arrival::in_place(&path, TableName::new("acc")).unwrap();
        match pipeline::load(&self.desk, &arrival, &WISH, &Impatient) {
            Ok(Outcome::Done(entry)) => Ok(entry.summary.load_id.unwrap()),
            Ok(Outcome::Refused { entry, .. }) => Err(format!("{name}: {:?}", entry.reason)),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }

    fn turn(&mut self, load_id: i64, turn: Turn) -> Result<(), String> {
        let target = (&TableName::new("acc"), load_id);
        let done = pipeline::turn(&self.desk, target, turn, &Impatient);
        done.map(drop)
            .map_err(|error| format!("{turn:?} of {load_id}: {error}"))
    }

    fn table(&mut self, columns: &[(ColumnNumber, String)]) -> Shown {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, name)| format!("{name}::text"))
            .collect();
        let stored: Vec<Stored> = diesel::sql_query(format!(
            "select code, version_number as number, load_id, source_line as line,
                 (extract(epoch from effective_start_date) / 86400)::bigint as starts,
                 (extract(epoch from effective_end_date) / 86400)::bigint as ends,
                 array[{}]::text[] as cells
             from datawarehouse.acc order by code, effective_start_date",
            cells.join(", ")
        ))
        .load(&mut self.conn)
        .unwrap();
        let mut shown = Shown::new();
        for row in stored {
            shown.entry(row.code).or_default().push(ShownVersion {
                from: row.starts,
                to: row.ends,
                number: row.number,
                load_id: row.load_id,
                line: row.line,
                cells: row.cells,
            });
        }
        shown
    }

    /// The baselines since a load, with the column that each is of.
    fn baselines_since(&mut self, load_id: i64) -> Vec<NewBaseline> {
        diesel::sql_query(
            "select load_id, (
                 select name from hayloft.column_identity as known
                 where known.table_name = 'acc' and known.column_id = load.columns[1]
             ) as column_name
             from hayloft.load where action = 'baseline' and load_id > $1 order by load_id",
        )
        .bind::<BigInt, _>(load_id)
        .load(&mut self.conn)
        .unwrap()
    }

    fn faults(&mut self) -> Vec<String> {
        let file = ContractFile::read(&self.warehouse.path("hayloft.toml")).unwrap();
        let contracts = Contracts::load_to_look(&mut self.conn, &file).unwrap();
        let tables = check::examine(&mut self.conn, contracts.iter()).unwrap();
        let faults = tables.into_iter().flat_map(|table| table.faults);
        let mut faults: Vec<String> = faults
            .map(|fault| format!("{} {:?}", fault.sentence, fault.examples))
            .collect();
        for contract in contracts.iter() {
            let keys = KeyScheme::plain();
            let proof =
                merge::prove(&mut self.conn, contract, &keys, Telling::Values, &|_| ()).unwrap();
            faults.extend(proof.named.iter().map(|named| format!("{named:?}")));
        }
        faults
    }
}

/// Whether a step had the program look at its table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Something,
    Nothing,
}

// ---- a case ------------------------------------------------------------------------------------

struct Case<'w> {
    program: Program<'w>,
    definition: Definition,
    dice: Dice,
    /// How many columns there ever were.
    born: usize,
    /// The columns that a migration has just filled, if the program has not seen them yet.
    filled: Vec<ColumnNumber>,
    /// The table when the program is about to see them.
    shown_before: Shown,
    told: String,
    files: usize,
}

impl<'w> Case<'w> {
    fn new(warehouse: &'w Warehouse, seed: u64) -> Self {
        Self {
            program: Program::new(warehouse),
            definition: Definition {
                columns: vec![(0, "c0".to_owned())],
                defaults: Cells::new(),
                spoken: Vec::new(),
            },
            dice: Dice(seed),
            born: 1,
            filled: Vec::new(),
            shown_before: Shown::new(),
            told: String::new(),
            files: 0,
        }
    }

    fn run(mut self) -> Result<(), (String, String)> {
        let steps = 4 + self.dice.below(10);
        for _ in 0..steps {
            if let Err(difference) = self.step() {
                return Err((difference, self.told));
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        let done = match self.dice.below(10) {
            0..=3 => self.load()?,
            4..=6 => self.turn()?,
            _ => return self.migrate(),
        };
        if done == Done::Nothing {
            // The program has not seen the last migrations yet.
            return Ok(());
        }
        let expected = self.definition.table();
        let found = self.program.table(&self.definition.columns);
        if expected != found {
            return Err(format!("expected {expected:#?}\nfound {found:#?}"));
        }
        match &self.program.faults()[..] {
            [] => Ok(()),
            faults => Err(format!("hayloft check finds: {faults:#?}")),
        }
    }

    fn load(&mut self) -> Result<Done, String> {
        let day = 18_000 + i64::try_from(self.dice.below(6)).unwrap();
        let columns: Vec<(ColumnNumber, String)> = self.definition.columns.clone();
        let spoken: Vec<_> = columns
            .into_iter()
            .filter(|_| !self.dice.one_in(3))
            .collect();
        let mut text = "code".to_owned();
        for (_, name) in &spoken {
            let _ = write!(text, ",{name}");
        }
        let is_spoken = |column: &ColumnNumber| spoken.iter().any(|(it, _)| it == column);
        let mut defaults = self.definition.defaults.clone();
        defaults.retain(|column, _| !is_spoken(column));
        let mut statements = Vec::new();
        for code in ["a", "b"] {
            if self.dice.one_in(4) {
                continue;
            }
            let _ = write!(text, "\n{code}");
            let mut values = Cells::new();
            for (column, _) in &spoken {
                let value = (1 + self.dice.below(3)).to_string();
                let _ = write!(text, ",{value}");
                values.insert(*column, Some(value));
            }
            let line = i64::try_from(statements.len()).unwrap() + 2;
            statements.push(Statement {
                code: code.to_owned(),
                day,
                line,
                values,
            });
        }
        if statements.is_empty() {
            return Ok(Done::Nothing);
        }
        text.push('\n');
        self.files += 1;
        let date = chrono::DateTime::from_timestamp(day * 86_400, 0)
            .unwrap()
            .date_naive();
        let _ = writeln!(self.told, "load acc-{date}.csv {text:?}");
        let before = self.look_before();
        let load_id = self
            .program
            .load(&format!("{}/acc-{date}.csv", self.files), &text)?;
        self.learn_baselines(before)?;
        self.definition.spoken.push(Spoken {
            load_id,
            is_undone: false,
            is_baseline: false,
            statements,
            defaults,
        });
        Ok(Done::Something)
    }

    /// Looks at the table before the program does; the last load so far.
    fn look_before(&mut self) -> i64 {
        if !self.filled.is_empty() {
            self.shown_before = self.program.table(&self.definition.columns);
        }
        let loads = self.definition.spoken.iter().map(|load| load.load_id);
        loads.max().unwrap_or_default()
    }

    /// The program saw the filled columns before it did what it was asked for.
    fn learn_baselines(&mut self, since: i64) -> Result<(), String> {
        let new = self.program.baselines_since(since);
        let filled = std::mem::take(&mut self.filled);
        let shown = std::mem::take(&mut self.shown_before);
        let names: Vec<&str> = new.iter().map(|it| it.column_name.as_str()).collect();
        let _ = writeln!(self.told, "  baselines of {names:?}");
        for column in filled {
            let Some((_, name)) = self.definition.columns.iter().find(|it| it.0 == column) else {
                continue;
            };
            let baseline = new.iter().find(|it| it.column_name == *name);
            let place = self
                .definition
                .columns
                .iter()
                .position(|it| it.0 == column)
                .unwrap();
            let has_values = shown
                .values()
                .flatten()
                .any(|version| version.cells[place].is_some());
            match baseline {
                Some(baseline) => self
                    .definition
                    .note_baseline(baseline.load_id, column, &shown),
                None if has_values => return Err(format!("{name} has no baseline")),
                None => {}
            }
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<Done, String> {
        if self.definition.spoken.is_empty() {
            return Ok(Done::Nothing);
        }
        let place = self.dice.below(self.definition.spoken.len());
        let load = &self.definition.spoken[place];
        let (load_id, turn) = (
            load.load_id,
            if load.is_undone {
                Turn::Redo
            } else {
                Turn::Undo
            },
        );
        let _ = writeln!(self.told, "{turn:?} {load_id}");
        let before = self.look_before();
        self.program.turn(load_id, turn)?;
        self.learn_baselines(before)?;
        self.definition.spoken[place].is_undone = turn == Turn::Undo;
        Ok(Done::Something)
    }

    fn migrate(&mut self) -> Result<(), String> {
        let many = self.definition.columns.len();
        let statement = match self.dice.below(10) {
            0 | 1 if many > 0 => self.rename(),
            2 if many > 1 => self.swap(),
            3 if many > 0 => self.drop_column(),
            4 => self.add(None),
            8 if many > 0 => self.set_default(),
            9 => self.add_with_default(),
            5 | 6 => {
                let filling = [
                    "'n' || version_number",
                    "'x'",
                    "case code when 'a' then '1' end",
                ];
                let which = self.dice.below(filling.len());
                self.add(Some(filling[which]))
            }
            7 if many > 0 => self.retype(),
            _ => return Ok(()),
        };
        let _ = writeln!(self.told, "{statement}");
        let done = self.program.conn.batch_execute(&statement);
        done.map_err(|error| format!("{statement}: {error}"))
    }

    fn new_name(&mut self) -> String {
        // Names come again, but never while a column has them.
        loop {
            let name = format!("c{}", self.dice.below(5));
            if self
                .definition
                .columns
                .iter()
                .all(|(_, taken)| *taken != name)
            {
                return name;
            }
            if self.definition.columns.len() >= 5 {
                return format!("c{}", 5 + self.born);
            }
        }
    }

    fn rename(&mut self) -> String {
        let place = self.dice.below(self.definition.columns.len());
        let to = self.new_name();
        let from = std::mem::replace(&mut self.definition.columns[place].1, to.clone());
        format!("alter table datawarehouse.acc rename column {from} to {to}")
    }

    fn swap(&mut self) -> String {
        let columns = &mut self.definition.columns;
        let (one, other) = (columns[0].1.clone(), columns[1].1.clone());
        columns[0].1.clone_from(&other);
        columns[1].1.clone_from(&one);
        let rename = |from: &str, to: &str| {
            format!("alter table datawarehouse.acc rename column {from} to {to};")
        };
        rename(&one, "aside") + &rename(&other, &one) + &rename("aside", &other)
    }

    fn drop_column(&mut self) -> String {
        let place = self.dice.below(self.definition.columns.len());
        let (_, name) = self.definition.columns.remove(place);
        format!("alter table datawarehouse.acc drop column {name}")
    }

    fn add(&mut self, filling: Option<&str>) -> String {
        let name = self.new_name();
        let column = self.born;
        self.born += 1;
        self.definition.columns.push((column, name.clone()));
        let add = format!("alter table datawarehouse.acc add column {name} text;");
        let Some(filling) = filling else {
            return add;
        };
        self.filled.push(column);
        format!("{add} update datawarehouse.acc set {name} = {filling};")
    }

    fn set_default(&mut self) -> String {
        let place = self.dice.below(self.definition.columns.len());
        let (column, name) = self.definition.columns[place].clone();
        let alter = format!("alter table datawarehouse.acc alter column {name}");
        if self.dice.one_in(3) {
            self.definition.defaults.remove(&column);
            return format!("{alter} drop default");
        }
        let default = (1 + self.dice.below(3)).to_string();
        let set = format!("{alter} set default '{default}'");
        self.definition.defaults.insert(column, Some(default));
        set
    }

    /// The rows that are there get it as well.
    fn add_with_default(&mut self) -> String {
        let column = self.born;
        let add = self.add(None);
        self.filled.push(column);
        self.definition
            .defaults
            .insert(column, Some("2".to_owned()));
        add.replace(" text;", " text default '2'")
    }

    /// Between types that print whole numbers alike; what was filled with letters is text for ever.
    fn retype(&mut self) -> String {
        let place = self.dice.below(self.definition.columns.len());
        let name = &self.definition.columns[place].1;
        let to = ["text", "varchar(9)", "character varying"][self.dice.below(3)];
        format!("alter table datawarehouse.acc alter column {name} type {to}")
    }
}

#[test]
fn migrations_between_loads_change_no_history() {
    let warehouse = Warehouse::new();
    try_cases(2, |seed| {
        let run = Case::new(&warehouse, seed).run();
        run.map_err(|(difference, told)| format!("{difference}\nafter:\n{told}"))
    });
}
