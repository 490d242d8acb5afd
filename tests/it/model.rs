//! Random deliveries, loaded by the program's own way into a real Postgres, and by a model that is
//! a few maps: after each file the two must agree on every version, fact, held row and count.
//!
//! The model is written from the rules, not from the engine, and it is never told what a file's
//! text says, only what was meant: people and values are numbers here, and text is made of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use hayloft::contract::{ContractFile, Contracts, Redelivery, TableName};
use hayloft::db::pool::Database;
use hayloft::error::LoadError;
use hayloft::pipeline::{self, Attendant, Desk, Outcome, Patience, Register, Wish};
use hayloft::retire::{Disposal, Shelves};
use hayloft::stage::key::KeyScheme;
use hayloft::stage::{Limits, Progress, csv};
use hayloft::summary::{Changes, Rows, Status};
use hayloft::watch::Arrival;

use crate::dice::{Dice, try_cases};
use crate::support::Warehouse;

// ---- the world ---------------------------------------------------------------------------------

/// Each person in every spelling of one address. The first is the canonical one.
const PEOPLE: [[&str; 4]; 8] = [
    ["ann@x.org", "ANN@x.org", " ann@x.org", "Ann@X.org "],
    ["bob@x.org", "Bob@x.org", "\tbob@x.org", "BOB@X.ORG"],
    ["cat@x.org", "cat@X.org", "  cat@x.org", "CAT@x.org"],
    ["dan@x.org", "DAN@x.org", "dan@x.org ", "dAn@x.org"],
    // One letter or two: the same name.
    [
        "\u{e9}va@x.org",
        "e\u{301}va@x.org",
        "\u{c9}va@x.org",
        " E\u{301}VA@x.org",
    ],
    ["fay+a@x.org", "Fay+A@x.org", "fay+a@x.org ", "FAY+A@X.ORG"],
    ["fay+b@x.org", "Fay+B@x.org", "fay+b@x.org ", "FAY+B@X.ORG"],
    [
        "gil@sub.x.org",
        "GIL@sub.x.org",
        " gil@sub.x.org",
        "Gil@Sub.X.org",
    ],
];
const NO_ADDRESSES: [&str; 4] = ["", "  ", "nobody", "two@at@x.org"];
/// Names differ by case and by white space: they are values, not keys.
const NAMES: [&str; 5] = ["Ann", "ann", " Ann", "Bo, \"the\" B", "Zo\u{eb}"];
const DATES: [(&str, &str); 3] = [
    ("01/02/1990", "1990-02-01"),
    ("02/01/1990", "1990-01-02"),
    ("29/02/2000", "2000-02-29"),
];
const NO_DATES: [&str; 4] = ["", "31/02/1990", "1990-02-01", "soon"];
/// Each amount in two spellings of one value.
const AMOUNTS: [([&str; 2], &str); 3] = [
    (["10", "10.00"], "10.00"),
    (["10.5", "10.50"], "10.50"),
    (["-0.01", "-0.01"], "-0.01"),
];
const NO_AMOUNTS: [&str; 4] = ["", "much", "1.234", "1e3"];

/// A delivery as it is meant.
#[derive(Clone, Debug)]
struct Delivery {
    content: Content,
    /// The order of its columns.
    shuffle: u64,
    /// Whether it is to be loaded even if it was before.
    again: bool,
}

#[derive(Clone, Debug)]
enum Content {
    Users {
        rows: Vec<UserRow>,
        /// Whether it has the columns that may be missing.
        score: bool,
        joined: bool,
    },
    Transactions(Vec<FactRow>),
}

/// What a row says of one column: a value, or the number of a text that is none.
type Cell = Result<usize, usize>;

#[derive(Clone, Debug)]
struct UserRow {
    who: Cell,
    spelling: usize,
    name: usize,
    born: Cell,
    score: Option<usize>,
    joined: Option<usize>,
}

#[derive(Clone, Debug)]
struct FactRow {
    id: Option<usize>,
    who: Cell,
    spelling: usize,
    amount: Cell,
    day: Cell,
}

impl Delivery {
    fn table(&self) -> &'static str {
        match self.content {
            Content::Users { .. } => "users",
            Content::Transactions(_) => "transactions",
        }
    }

    fn text(&self) -> String {
        let columns = match &self.content {
            Content::Users {
                rows,
                score,
                joined,
            } => user_columns(rows, *score, *joined),
            Content::Transactions(rows) => fact_columns(rows),
        };
        let columns = Dice(self.shuffle).shuffled(columns);
        let length = columns.first().map_or(0, Vec::len);
        let line = |row: usize| {
            let cells: Vec<String> = columns.iter().map(|column| quoted(&column[row])).collect();
            cells.join(",") + "\n"
        };
        (0..length).map(line).collect()
    }
}

fn user_columns(rows: &[UserRow], score: bool, joined: bool) -> Vec<Vec<String>> {
    let mut columns = vec![
        column("email", rows, |row| address(row.who, row.spelling)),
        column("name", rows, |row| NAMES[row.name].to_owned()),
        column("date_of_birth", rows, |row| date(row.born)),
    ];
    if score {
        columns.push(column("score", rows, |row| optional(row.score)));
    }
    if joined {
        columns.push(column("joined", rows, |row| {
            row.joined
                .map_or(String::new(), |day| DATES[day].1.to_owned())
        }));
    }
    columns
}

fn fact_columns(rows: &[FactRow]) -> Vec<Vec<String>> {
    vec![
        column("id", rows, |row| optional(row.id)),
        column("email", rows, |row| address(row.who, row.spelling)),
        column("amount", rows, |row| match row.amount {
            Ok(amount) => AMOUNTS[amount].0[row.spelling % 2].to_owned(),
            Err(none) => NO_AMOUNTS[none].to_owned(),
        }),
        column("transaction_date", rows, |row| date(row.day)),
    ]
}

fn column<R>(name: &str, rows: &[R], cell: impl Fn(&R) -> String) -> Vec<String> {
    std::iter::once(name.to_owned())
        .chain(rows.iter().map(cell))
        .collect()
}

fn address(who: Cell, spelling: usize) -> String {
    match who {
        Ok(person) => PEOPLE[person][spelling].to_owned(),
        Err(none) => NO_ADDRESSES[none].to_owned(),
    }
}

fn date(day: Cell) -> String {
    match day {
        Ok(day) => DATES[day].0.to_owned(),
        Err(none) => NO_DATES[none].to_owned(),
    }
}

fn optional(number: Option<usize>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

// ---- the model ---------------------------------------------------------------------------------

/// The warehouse as the rules have it.
#[derive(Default)]
struct Model {
    /// Of each person the versions, the last of which is the current one.
    people: BTreeMap<usize, Vec<Version>>,
    /// Of each person the columns that some file has spoken of.
    known: BTreeMap<usize, Known>,
    facts: BTreeMap<usize, Fact>,
    /// Of each fact that waits the rows that say something new, the newest last.
    held: BTreeMap<usize, Vec<Brought>>,
    /// The texts that were loaded into `users`.
    loaded: Vec<String>,
}

#[derive(Clone, PartialEq)]
struct Person {
    name: usize,
    born: usize,
    score: Option<usize>,
    joined: Option<usize>,
}

/// Of the columns that a file may leave out.
#[derive(Clone, Copy, Default)]
struct Known {
    score: bool,
    joined: bool,
}

impl Known {
    /// The person as they were, with these columns as they are now.
    fn filled(self, was: &Person, is: &Person) -> Person {
        Person {
            score: if self.score { is.score } else { was.score },
            joined: if self.joined { is.joined } else { was.joined },
            ..was.clone()
        }
    }
}

struct Version {
    person: Person,
    from: String,
    to: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Sale {
    who: usize,
    amount: usize,
    day: usize,
}

/// A sale, and the file that brought it.
#[derive(Clone)]
struct Brought {
    sale: Sale,
    by: String,
}

struct Fact {
    brought: Brought,
    created: String,
    updated: String,
}

/// What a load is to report.
#[derive(PartialEq, Debug)]
struct Report {
    status: Status,
    rows: Rows,
    changes: Changes,
    released: u64,
    warnings: u64,
}

/// The rows of a file once rejects and duplicates are out.
struct Sorted<K, V> {
    winners: BTreeMap<K, V>,
    rows: Rows,
    warnings: u64,
}

impl Model {
    fn load(&mut self, delivery: &Delivery, file: &str) -> Report {
        match &delivery.content {
            Content::Users {
                rows,
                score,
                joined,
            } => {
                let text = delivery.text();
                // A header alone has no old values that would come back.
                let may_be_old = !delivery.again && !rows.is_empty();
                if may_be_old && self.loaded.contains(&text) {
                    return Report::of(Status::Skipped, Rows::default());
                }
                let keyed = rows.iter().map(|row| {
                    let (who, born) = (row.who.ok()?, row.born.ok()?);
                    let person = Person {
                        name: row.name,
                        born,
                        score: row.score.filter(|_| *score),
                        joined: row.joined.filter(|_| *joined),
                    };
                    Some((who, person))
                });
                let sorted = sort(keyed);
                if refused(&sorted.rows) {
                    return Report::of(Status::Failed, sorted.rows);
                }
                self.loaded.push(text);
                self.load_people(sorted, *score, *joined, file)
            }
            Content::Transactions(rows) => {
                let keyed = rows.iter().map(|row| {
                    let sale = Sale {
                        who: row.who.ok()?,
                        amount: row.amount.ok()?,
                        day: row.day.ok()?,
                    };
                    Some((row.id?, sale))
                });
                let sorted = sort(keyed);
                if refused(&sorted.rows) {
                    return Report::of(Status::Failed, sorted.rows);
                }
                self.load_facts(sorted, file)
            }
        }
    }

    fn load_people(
        &mut self,
        sorted: Sorted<usize, Person>,
        score: bool,
        joined: bool,
        file: &str,
    ) -> Report {
        let mut report = Report::of(Status::Loaded, sorted.rows);
        report.warnings = sorted.warnings;
        for (who, mut person) in sorted.winners {
            let known = self.known.entry(who).or_default();
            let news = Known {
                score: score && !known.score,
                joined: joined && !known.joined,
            };
            known.score |= score;
            known.joined |= joined;
            let versions = self.people.entry(who).or_default();
            match versions.last_mut() {
                None => report.changes.inserted += 1,
                Some(current) => {
                    // A column that the file does not have keeps what it was.
                    if !score {
                        person.score = current.person.score;
                    }
                    if !joined {
                        person.joined = current.person.joined;
                    }
                    if current.person == person {
                        report.changes.unchanged += 1;
                        continue;
                    }
                    // What nobody had spoken of is filled in, where nothing else differs.
                    if news.filled(&current.person, &person) == person {
                        current.person = person;
                        report.changes.unchanged += 1;
                        report.changes.filled += 1;
                        continue;
                    }
                    current.to = Some(file.to_owned());
                    report.changes.updated += 1;
                    report.changes.deactivated += 1;
                }
            }
            versions.push(Version {
                person,
                from: file.to_owned(),
                to: None,
            });
        }
        report.released = self.release(file);
        report
    }

    /// Lets in the facts whose person is known now.
    fn release(&mut self, file: &str) -> u64 {
        let known = |brought: &Brought| self.people.contains_key(&brought.sale.who);
        let ready: Vec<(usize, usize)> = self
            .held
            .iter()
            .filter_map(|(id, rows)| Some((*id, rows.iter().rposition(known)?)))
            .collect();
        for (id, newest) in &ready {
            let rows = self.held.get_mut(id).unwrap();
            let let_in = rows.drain(..=*newest).next_back().unwrap();
            // A newer row may wait on behind it.
            if rows.is_empty() {
                self.held.remove(id);
            }
            self.write_anew(*id, let_in, file);
        }
        ready.len() as u64
    }

    fn load_facts(&mut self, sorted: Sorted<usize, Sale>, file: &str) -> Report {
        let mut report = Report::of(Status::Loaded, sorted.rows);
        report.warnings = sorted.warnings;
        for (id, sale) in sorted.winners {
            let by = file.to_owned();
            let brought = Brought { sale, by };
            if !self.people.contains_key(&sale.who) {
                let rows = self.held.entry(id).or_default();
                if rows.last().is_none_or(|last| last.sale != sale) {
                    rows.push(brought);
                }
                report.rows.held += 1;
                continue;
            }
            // The newest row of a fact is the one that counts.
            let written = match self.held.remove(&id) {
                Some(_) => self.write_anew(id, brought, file),
                None => self.write(id, brought, file),
            };
            match written {
                Written::New => report.changes.inserted += 1,
                Written::Changed => report.changes.updated += 1,
                Written::Same => report.changes.unchanged += 1,
            }
        }
        report
    }

    fn write(&mut self, id: usize, brought: Brought, file: &str) -> Written {
        let Some(fact) = self.facts.get_mut(&id) else {
            let fact = Fact {
                brought,
                created: file.to_owned(),
                updated: file.to_owned(),
            };
            self.facts.insert(id, fact);
            return Written::New;
        };
        if fact.brought.sale == brought.sale {
            return Written::Same;
        }
        fact.brought = brought;
        file.clone_into(&mut fact.updated);
        Written::Changed
    }

    /// Writes a fact that waited, which is from that row whatever was there. It has the instant of
    /// its own file or of its member's, if that is later: of the file that is loaded now.
    fn write_anew(&mut self, id: usize, brought: Brought, file: &str) -> Written {
        let before = self.facts.remove(&id);
        let written = match &before {
            None => Written::New,
            Some(fact) if fact.brought.sale == brought.sale => Written::Same,
            Some(_) => Written::Changed,
        };
        let fact = Fact {
            brought,
            created: before.map_or_else(|| file.to_owned(), |fact| fact.created),
            updated: file.to_owned(),
        };
        self.facts.insert(id, fact);
        written
    }

    /// As [`STATE`] tells it.
    fn state(&self) -> String {
        let mut text = String::new();
        let mut people: Vec<_> = self.people.iter().collect();
        people.sort_by_key(|(who, _)| PEOPLE[**who][0]);
        for (who, versions) in people {
            for (place, version) in versions.iter().enumerate() {
                let Person {
                    name,
                    born,
                    score,
                    joined,
                } = version.person;
                let _ = writeln!(
                    text,
                    "{} {} <{}> {} {} {} from {} to {} {}",
                    PEOPLE[*who][0],
                    place + 1,
                    NAMES[name],
                    DATES[born].1,
                    score.map_or("-".to_owned(), |score| score.to_string()),
                    joined.map_or("-", |day| DATES[day].1),
                    version.from,
                    version.to.as_deref().unwrap_or("-"),
                    if version.to.is_none() { "t" } else { "f" },
                );
            }
        }
        for (id, fact) in &self.facts {
            let Brought { sale, by } = &fact.brought;
            let _ = writeln!(
                text,
                "{id} {} {} {} by {by} created {} updated {}",
                PEOPLE[sale.who][0],
                AMOUNTS[sale.amount].1,
                DATES[sale.day].1,
                fact.created,
                fact.updated,
            );
        }
        let newest = |(id, rows): (&usize, &Vec<Brought>)| (*id, rows.last().unwrap().clone());
        for (id, Brought { sale, by }) in self.held.iter().map(newest) {
            let (amount, day) = (AMOUNTS[sale.amount].1, DATES[sale.day].1);
            let _ = writeln!(text, "held {id} {amount} {day} by {by}");
        }
        text
    }
}

enum Written {
    New,
    Changed,
    Same,
}

impl Report {
    fn of(status: Status, rows: Rows) -> Self {
        Self {
            status,
            rows,
            changes: Changes::default(),
            released: 0,
            warnings: 0,
        }
    }
}

/// One row a key, the last; `None` is a row that cannot be used.
fn sort<K: Ord, V: PartialEq>(keyed: impl Iterator<Item = Option<(K, V)>>) -> Sorted<K, V> {
    let mut rows = Rows::default();
    let mut all: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for row in keyed {
        rows.read += 1;
        match row {
            None => rows.rejected += 1,
            Some((key, value)) => all.entry(key).or_default().push(value),
        }
    }
    let mut warnings = 0;
    let mut winners = BTreeMap::new();
    for (key, mut values) in all {
        let winner = values.pop().unwrap();
        rows.accepted += 1;
        rows.duplicates += values.len() as u64;
        warnings += values.iter().filter(|value| **value != winner).count() as u64;
        winners.insert(key, winner);
    }
    Sorted {
        winners,
        rows,
        warnings,
    }
}

/// All rows, or more than a tenth of twenty or more.
fn refused(rows: &Rows) -> bool {
    let every = rows.read > 0 && rows.rejected == rows.read;
    every || (rows.read >= 20 && rows.rejected * 10 > rows.read)
}

// ---- the engine --------------------------------------------------------------------------------

/// The real thing, in a database of its own that is emptied before each case.
struct Engine {
    warehouse: Warehouse,
    desk: Desk,
    conn: PgConnection,
}

/// Columns that may be NULL, and that a file may leave out.
const OPTIONAL_COLUMNS: &str =
    "alter table datawarehouse.users add column score integer, add column joined date";

const EMPTY: &str = "
    delete from datawarehouse.users;
    delete from datawarehouse.transactions;
    delete from hayloft.held_fact;
    delete from hayloft.observation;
    delete from hayloft.payload;
    delete from hayloft.reject;
    delete from hayloft.let_in;
    delete from hayloft.load;";

/// Everything, with files in the place of instants and ids.
const STATE: &str = "
    select coalesce(string_agg(line || e'\\n', '' order by part, place collate \"C\", number), '')
        as text
    from (
        select 1 as part, email as place, version_number::bigint as number,
            format('%s %s <%s> %s %s %s from %s to %s %s', email, version_number, name,
                date_of_birth, coalesce(score::text, '-'), coalesce(joined::text, '-'),
                began.file_name, case when effective_end_date is null then '-'
                    else coalesce(ended.file_name, 'nowhen') end, is_current) as line
        from datawarehouse.users as version
        left join hayloft.load as began
            on began.effective_at = effective_start_date and began.load_id = version.load_id
        left join hayloft.load as ended
            on ended.effective_at = effective_end_date and ended.table_name = 'users'
        union all
        select 2, '', id,
            format('%s %s %s %s by %s created %s updated %s', id,
                (select email from datawarehouse.users
                 where users.user_id = fact.user_id and is_current),
                amount, transaction_date, brought.file_name, created.file_name, updated.file_name)
        from datawarehouse.transactions as fact
        left join hayloft.load as brought on brought.load_id = fact.load_id
        left join hayloft.load as created on created.effective_at = created_at
        left join hayloft.load as updated on updated.effective_at = updated_at
        union all
        select 3, '', (row ->> 'id')::bigint,
            format('held %s %s %s by %s', row ->> 'id', row ->> 'amount',
                row ->> 'transaction_date', brought.file_name)
        from hayloft.held_fact left join hayloft.load as brought using (load_id)
    ) as lines";

const WARNINGS: &str = "
    select count(*) as count from hayloft.reject where load_id = $1 and severity = 'warning'";

const ERROR_LINES: &str = "
    select count(distinct line) as count from hayloft.reject
    where load_id = $1 and severity = 'error'";

impl Engine {
    fn new() -> Self {
        let warehouse = Warehouse::new();
        warehouse.execute(OPTIONAL_COLUMNS);
        let database = Database::connect(warehouse.url().parse().unwrap(), 2).unwrap();
        let file = ContractFile::read(&warehouse.path("hayloft.toml")).unwrap();
        let contracts = Contracts::load(&mut database.get().unwrap(), &file).unwrap();
        let size = |bytes: u64| usize::try_from(bytes).unwrap();
        let limits = Limits {
            file_bytes: file.limits.file_bytes,
            memory_bytes: usize::try_from(file.limits.memory_bytes).unwrap(),
            csv: csv::Limits {
                record_bytes: size(file.limits.record_bytes),
                field_bytes: size(file.limits.field_bytes),
                columns: size(file.limits.columns),
            },
        };
        let desk = Desk {
            database,
            register: Register::new(file, contracts),
            keys: KeyScheme::plain(),
            limits,
            shelves: Shelves::of(warehouse.path("imports")),
        };
        let conn = warehouse.connection();
        Self {
            warehouse,
            desk,
            conn,
        }
    }

    fn load(&mut self, delivery: &Delivery, file: &str) -> Result<Report, String> {
        let path = self.warehouse.write(file, delivery.text());
        let arrival = Arrival::in_place(&path, TableName::new(delivery.table())).unwrap();
        let wish = Wish {
            disposal: Some(Disposal::Leave),
            redelivery: delivery.again.then_some(Redelivery::Always),
            ..Wish::CONTRACT
        };
        let outcome = pipeline::load(&self.desk, &arrival, &wish, &Impatient)
            .map_err(|error| format!("`{file}` cannot be loaded: {error}"))?;
        let refused = matches!(outcome, Outcome::Refused { .. });
        let entry = outcome.entry();
        let summary = &entry.summary;
        assert_eq!(refused, summary.status == Status::Failed);
        let rows = summary.rows;
        assert_eq!(rows.read, rows.accepted + rows.rejected + rows.duplicates);
        let load = summary.load_id.unwrap();
        if summary.status == Status::Loaded {
            assert_eq!(self.count(ERROR_LINES, load), rows.rejected);
        }
        Ok(Report {
            status: summary.status,
            rows,
            changes: summary.changes,
            released: entry.released,
            warnings: self.count(WARNINGS, load),
        })
    }

    fn state(&mut self) -> String {
        #[derive(QueryableByName)]
        struct State {
            #[diesel(sql_type = Text)]
            text: String,
        }
        let state: State = diesel::sql_query(STATE).get_result(&mut self.conn).unwrap();
        state.text
    }

    fn count(&mut self, sql: &str, load: i64) -> u64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let counted: Count = diesel::sql_query(sql)
            .bind::<BigInt, _>(load)
            .get_result(&mut self.conn)
            .unwrap();
        u64::try_from(counted.count).unwrap()
    }
}

/// Waits for nothing: nothing here can heal.
struct Impatient;

impl Progress for Impatient {
    fn advanced(&self, _bytes: u64) {}
}

impl Attendant for Impatient {
    fn wait(&self, _error: &LoadError, _attempt: u32) -> Patience {
        Patience::GiveUp
    }

    fn wait_for_turn(&self, _error: &LoadError, _attempt: u32) -> Patience {
        Patience::GiveUp
    }
}

// ---- the property ------------------------------------------------------------------------------

#[test]
fn after_every_file_the_warehouse_is_what_the_rules_make_of_the_files_so_far() {
    let mut engine = Engine::new();
    try_cases(5, |seed| try_case(&mut engine, seed));
}

fn try_case(engine: &mut Engine, seed: u64) -> Result<(), String> {
    let case = Dice(seed).case();
    let Err(difference) = agree(engine, &case) else {
        return Ok(());
    };
    let (case, difference) = shrunk(engine, case, difference);
    let mut texts = String::new();
    for (place, delivery) in case.iter().enumerate() {
        let again = if delivery.again { " (again)" } else { "" };
        let name = file_name(place, delivery);
        let _ = write!(texts, "\n--- {name}{again}\n{}", delivery.text());
    }
    Err(format!("{difference}\nafter these files:\n{texts}"))
}

/// Loads each file into both, and compares after each.
fn agree(engine: &mut Engine, case: &[Delivery]) -> Result<(), String> {
    engine.conn.batch_execute(EMPTY).unwrap();
    let mut model = Model::default();
    for (place, delivery) in case.iter().enumerate() {
        let file = file_name(place, delivery);
        let expected = model.load(delivery, &file);
        let reported = engine.load(delivery, &file)?;
        same(
            &file,
            "report",
            &format!("{expected:?}"),
            &format!("{reported:?}"),
        )?;
        same(&file, "state", &model.state(), &engine.state())?;
    }
    Ok(())
}

fn file_name(place: usize, delivery: &Delivery) -> String {
    format!("{}-{place}.csv", delivery.table())
}

fn same(file: &str, what: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!(
        "the {what} after `{file}` is\n{found}\nand should be\n{expected}"
    ))
}

/// Leaves out files and rows as long as the two still disagree.
fn shrunk(
    engine: &mut Engine,
    mut case: Vec<Delivery>,
    mut difference: String,
) -> (Vec<Delivery>, String) {
    'smaller: loop {
        for smaller in smaller(&case) {
            if let Err(still) = agree(engine, &smaller) {
                (case, difference) = (smaller, still);
                continue 'smaller;
            }
        }
        return (case, difference);
    }
}

fn smaller(case: &[Delivery]) -> Vec<Vec<Delivery>> {
    let fewer_files = (0..case.len()).map(|file| without(case, file));
    let fewer_rows = (0..case.len()).flat_map(move |file| {
        let rows = match &case[file].content {
            Content::Users { rows, .. } => rows.len(),
            Content::Transactions(rows) => rows.len(),
        };
        (0..rows).map(move |row| {
            let mut smaller = case.to_vec();
            match &mut smaller[file].content {
                Content::Users { rows, .. } => drop(rows.remove(row)),
                Content::Transactions(rows) => drop(rows.remove(row)),
            }
            smaller
        })
    });
    fewer_files.chain(fewer_rows).collect()
}

fn without<T: Clone>(all: &[T], place: usize) -> Vec<T> {
    let mut rest = all.to_vec();
    rest.remove(place);
    rest
}

// ---- chance ------------------------------------------------------------------------------------

impl Dice {
    fn maybe(&mut self, bound: usize) -> Option<usize> {
        (!self.one_in(3)).then(|| self.below(bound))
    }

    /// A value below `good`, or now and then one of the texts that are none.
    fn cell(&mut self, good: usize, bad: usize, one_bad_in: usize) -> Cell {
        if self.one_in(one_bad_in) {
            Err(self.below(bad))
        } else {
            Ok(self.below(good))
        }
    }

    fn case(&mut self) -> Vec<Delivery> {
        let mut case: Vec<Delivery> = Vec::new();
        for _ in 0..=self.below(8) {
            let mut delivery = match case.len() {
                // The same bytes as those of an earlier file.
                earlier @ 1.. if self.one_in(5) => case[self.below(earlier)].clone(),
                _ => self.delivery(),
            };
            delivery.again = self.one_in(6);
            case.push(delivery);
        }
        case
    }

    fn delivery(&mut self) -> Delivery {
        let length = if self.one_in(8) {
            20 + self.below(10)
        } else {
            self.below(10)
        };
        // In a long file few rows may be bad, or it is refused.
        let one_bad_in = if length < 20 { 12 } else { 40 };
        let content = if self.one_in(2) {
            Content::Users {
                score: !self.one_in(3),
                joined: !self.one_in(3),
                rows: (0..length).map(|_| self.user(one_bad_in)).collect(),
            }
        } else {
            Content::Transactions((0..length).map(|_| self.fact(one_bad_in)).collect())
        };
        Delivery {
            content,
            shuffle: self.number(),
            again: false,
        }
    }

    fn user(&mut self, one_bad_in: usize) -> UserRow {
        UserRow {
            who: self.cell(PEOPLE.len(), NO_ADDRESSES.len(), one_bad_in),
            spelling: self.below(4),
            name: self.below(NAMES.len()),
            born: self.cell(DATES.len(), NO_DATES.len(), one_bad_in),
            score: self.maybe(2),
            joined: self.maybe(2),
        }
    }

    fn fact(&mut self, one_bad_in: usize) -> FactRow {
        FactRow {
            id: (!self.one_in(one_bad_in)).then(|| self.below(10)),
            who: self.cell(PEOPLE.len(), NO_ADDRESSES.len(), one_bad_in),
            spelling: self.below(4),
            amount: self.cell(AMOUNTS.len(), NO_AMOUNTS.len(), one_bad_in),
            day: self.cell(DATES.len(), NO_DATES.len(), one_bad_in),
        }
    }
}
