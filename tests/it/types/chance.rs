//! Random values for random types: what is stored is what was meant, and what cannot be stored as it
//! was meant is a reject of its line and column. Nothing else is rejected.
//!
//! What was meant is what the server makes of a text as a type without modifiers and domains. It is
//! asked by the test, part by part, and not by what Hayloft knows of types.

#![allow(clippy::print_stderr, reason = "says how much was tried")]

use std::fmt::Write as _;

use super::quoted;
use crate::dice::{Dice, try_cases};
use crate::support::Warehouse;

const COLUMNS: usize = 12;
const VALUES: usize = 25;

const TOML: &str = r#"
[tables.things]
kind       = "fact"
key        = ["label"]
redelivery = "always"

[tables.things.guards]
max_reject_fraction = 1.0
"#;

/// A part of a type that is made of no other: as it is declared, and without its modifier.
#[derive(Clone)]
struct Leaf {
    declared: String,
    plain: &'static str,
    write: fn(&mut Dice) -> String,
}

enum Made {
    Leaf(Leaf),
    Array(Box<Shape>),
    Range(Box<Shape>),
    Pair(Box<Shape>, Box<Shape>),
}

/// A type, and the same without modifiers and domains.
struct Shape {
    declared: String,
    plain: String,
    made: Made,
}

/// Part of a value: its text, and the types of it.
struct Part {
    text: String,
    declared: String,
    plain: &'static str,
}

/// Makes types, and writes down the statements that create them.
struct Maker<'d> {
    dice: &'d mut Dice,
    setup: String,
    count: usize,
}

impl Maker<'_> {
    fn shape(&mut self, depth: usize) -> Shape {
        if depth == 0 {
            return self.leaf();
        }
        match self.dice.below(6) {
            0 => self.array(depth),
            1 => self.range(),
            2 => self.pair(depth),
            3 => {
                let base = self.shape(depth - 1);
                self.domain(base)
            }
            _ => self.leaf(),
        }
    }

    fn leaf(&mut self) -> Shape {
        let mut leaf = self.scalar();
        if self.dice.one_in(3) {
            let name = self.name("leaf");
            let check = if self.dice.one_in(2) {
                " check (value::text not like '%7%')"
            } else {
                ""
            };
            let _ = writeln!(
                self.setup,
                "create domain {name} as {}{check};",
                leaf.declared
            );
            leaf.declared = name;
        }
        Shape {
            declared: leaf.declared.clone(),
            plain: leaf.plain.to_owned(),
            made: Made::Leaf(leaf),
        }
    }

    fn array(&mut self, depth: usize) -> Shape {
        let element = loop {
            let element = self.shape(depth - 1);
            // An array of arrays has more dimensions, and is no type of its own.
            if !element.plain.ends_with("[]") {
                break element;
            }
        };
        Shape {
            declared: format!("{}[]", element.declared),
            plain: format!("{}[]", element.plain),
            made: Made::Array(Box::new(element)),
        }
    }

    fn range(&mut self) -> Shape {
        let bound = self.leaf();
        let (declared, plain) = (self.name("range"), self.name("plain"));
        for (name, subtype) in [(&declared, base_of(&bound)), (&plain, bound.plain.as_str())] {
            let _ = writeln!(
                self.setup,
                "create type {name} as range (subtype = {subtype}, multirange_type_name = {name}_m);"
            );
        }
        Shape {
            declared,
            plain,
            made: Made::Range(Box::new(bound)),
        }
    }

    fn pair(&mut self, depth: usize) -> Shape {
        let (one, other) = (self.shape(depth - 1), self.shape(depth - 1));
        let (declared, plain) = (self.name("pair"), self.name("plain"));
        for (name, a, b) in [
            (&declared, &one.declared, &other.declared),
            (&plain, &one.plain, &other.plain),
        ] {
            let _ = writeln!(self.setup, "create type {name} as (a {a}, b {b});");
        }
        Shape {
            declared,
            plain,
            made: Made::Pair(Box::new(one), Box::new(other)),
        }
    }

    fn domain(&mut self, base: Shape) -> Shape {
        let declared = self.name("domain");
        let _ = writeln!(self.setup, "create domain {declared} as {};", base.declared);
        Shape { declared, ..base }
    }

    fn name(&mut self, of: &str) -> String {
        self.count += 1;
        format!("datawarehouse.{of}_{}", self.count)
    }

    fn scalar(&mut self) -> Leaf {
        let dice = &mut *self.dice;
        let small = dice.below(6) + 1;
        let digits = dice.below(7);
        let (declared, plain, write): (String, _, fn(&mut Dice) -> String) = match dice.below(14) {
            0 => {
                let scale = i32::try_from(dice.below(small + 6)).unwrap() - 3;
                (format!("numeric({small},{scale})"), "numeric", number)
            }
            1 => ("numeric".into(), "numeric", number),
            2 => ("integer".into(), "integer", whole),
            3 => (format!("varchar({small})"), "text", word),
            4 => (format!("char({small})"), "bpchar", word),
            5 => (format!("bit({small})"), "pg_catalog.\"bit\"", bits),
            6 => (format!("varbit({small})"), "varbit", bits),
            7 => (
                format!("time({digits}) without time zone"),
                "time",
                |dice| clock(dice, 8),
            ),
            8 => (format!("time({digits}) with time zone"), "timetz", |dice| {
                clock(dice, 8) + ["Z", "+02", "-03:30"][dice.below(3)]
            }),
            9 => (format!("timestamp({digits})"), "timestamp", |dice| {
                format!("{} {}", day(dice), clock(dice, 6))
            }),
            10 => (format!("timestamptz({digits})"), "timestamptz", |dice| {
                format!("{}T{}Z", day(dice), clock(dice, 6))
            }),
            11 => (format!("interval({digits})"), "interval", span),
            12 => {
                let fields = ["day to minute", "year to month", "hour", "second(2)"];
                (
                    format!("interval {}", fields[dice.below(4)]),
                    "interval",
                    span,
                )
            }
            _ => ("date".into(), "date", day),
        };
        Leaf {
            declared,
            plain,
            write,
        }
    }
}

/// A range takes no modifier, so its bounds have those of a domain alone.
fn base_of(bound: &Shape) -> &str {
    if bound.declared.starts_with("datawarehouse.") {
        &bound.declared
    } else {
        &bound.plain
    }
}

fn digits(dice: &mut Dice, most: usize) -> String {
    let count = dice.below(most + 1);
    let digit = |_| char::from(b"0000123456789"[dice.below(13)]);
    (0..count).map(digit).collect()
}

fn whole(dice: &mut Dice) -> String {
    let sign = if dice.one_in(4) { "-" } else { "" };
    format!("{sign}{}{}", dice.below(10), digits(dice, 9))
}

fn number(dice: &mut Dice) -> String {
    let whole = whole(dice);
    let fraction = digits(dice, 6);
    if fraction.is_empty() {
        whole
    } else {
        format!("{whole}.{fraction}")
    }
}

fn word(dice: &mut Dice) -> String {
    const LETTERS: [char; 10] = [
        'a', 'B', '7', '\u{e9}', '\u{6587}', ',', '"', '\\', '{', ')',
    ];
    let count = dice.below(8) + 1;
    (0..count).map(|_| LETTERS[dice.below(10)]).collect()
}

fn bits(dice: &mut Dice) -> String {
    let count = dice.below(7) + 1;
    (0..count).map(|_| ['0', '1'][dice.below(2)]).collect()
}

fn day(dice: &mut Dice) -> String {
    let (year, month, day) = (dice.below(9999), dice.below(12), dice.below(30));
    format!("{:04}-{:02}-{:02}", year + 1, month + 1, day + 1)
}

fn clock(dice: &mut Dice, most: usize) -> String {
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(61));
    let fraction = digits(dice, most);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{hour:02}:{minute:02}:{second:02}{point}{fraction}")
}

fn span(dice: &mut Dice) -> String {
    let mut text = String::new();
    for (unit, most) in [("years", 3), ("mons", 15), ("days", 40)] {
        if dice.one_in(2) {
            let _ = write!(text, "{} {unit} ", dice.below(most));
        }
    }
    if text.is_empty() || dice.one_in(2) {
        text += &clock(dice, 8);
    }
    text.trim_end().to_owned()
}

/// A value of the type, in quotes wherever Postgres may have some. Its parts go to `parts`.
fn value(shape: &Shape, dice: &mut Dice, parts: &mut Vec<Part>) -> String {
    let escaped = |text: String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match &shape.made {
        Made::Leaf(leaf) => {
            let text = (leaf.write)(dice);
            parts.push(Part {
                text: text.clone(),
                declared: leaf.declared.clone(),
                plain: leaf.plain,
            });
            text
        }
        Made::Array(element) => {
            let elements: Vec<String> = (0..dice.below(3))
                .map(|_| escaped(value(element, dice, parts)))
                .collect();
            format!("{{{}}}", elements.join(","))
        }
        Made::Range(bound) => {
            // Both bounds are the same, so that they are in order.
            let mut own = Vec::new();
            let bound_text = escaped(value(bound, dice, &mut own));
            for part in &mut own {
                if !part.declared.starts_with("datawarehouse.") {
                    part.declared = part.plain.to_owned();
                }
            }
            parts.extend(own);
            match dice.below(3) {
                0 => format!("({bound_text},)"),
                1 => format!("(,{bound_text}]"),
                _ => format!("[{bound_text},{bound_text}]"),
            }
        }
        Made::Pair(one, other) => {
            let one = escaped(value(one, dice, parts));
            let other = escaped(value(other, dice, parts));
            format!("({one},{other})")
        }
    }
}

/// Whether a text is a value of a type, and the same as without its modifier.
const FITS: &str = "
create function public.fits(field text, plain text, declared text) returns boolean
language plpgsql as $$
declare
    fits boolean;
begin
    execute format('select (%1$L::%2$s::%3$s)::%2$s = %1$L::%2$s', field, plain, declared) into fits;
    -- A server takes second 60 for the next minute, and digits that it has no room for.
    return fits and field !~ ':60' and field !~ '\\.[0-9]{6}[0-9]*[1-9]';
exception when others then
    return false;
end
$$;
create table public.part (line bigint, field text, plain text, declared text);
create table public.sent (line bigint, place int, field text);
";

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Loads random values of random types into a table, and gives what differs from what was meant.
fn try_case(seed: u64) -> Result<usize, String> {
    let mut dice = Dice(seed);
    let warehouse = Warehouse::with_contract(TOML);
    let mut maker = Maker {
        dice: &mut dice,
        setup: String::new(),
        count: 0,
    };
    let shapes: Vec<Shape> = (0..COLUMNS).map(|_| maker.shape(2)).collect();
    let mut setup = maker.setup + FITS;
    setup += "create table datawarehouse.things (label text primary key";
    for (place, shape) in shapes.iter().enumerate() {
        let _ = write!(setup, ",\n c{place} {}", shape.declared);
    }
    setup += ",\n load_id bigint not null, source_line bigint not null);\n";
    let mut file = "label".to_owned();
    (0..COLUMNS).for_each(|place| {
        let _ = write!(file, ",c{place}");
    });
    file.push('\n');
    let mut line = 1;
    for (place, shape) in shapes.iter().enumerate() {
        for _ in 0..VALUES {
            line += 1;
            let mut parts = Vec::new();
            let field = value(shape, &mut dice, &mut parts);
            let commas = |count: usize| ",".repeat(count);
            let (before, after) = (commas(place + 1), commas(COLUMNS - place - 1));
            let _ = writeln!(file, "{line}{before}{}{after}", quoted(&field));
            let sent = literal(&field);
            let _ = writeln!(
                setup,
                "insert into public.sent values ({line}, {place}, {sent});"
            );
            for part in parts {
                let _ = writeln!(
                    setup,
                    "insert into public.part values ({line}, {}, {}, {});",
                    literal(&part.text),
                    literal(part.plain),
                    literal(&part.declared)
                );
            }
        }
    }
    warehouse.execute(&setup);
    let run = warehouse.load("things.csv", &file);
    let told = run.only();
    if told["status"] != "loaded" {
        return Err(format!("{run:#?}\n{setup}"));
    }
    let differences = differences(&warehouse, &shapes);
    if !differences.is_empty() {
        return Err(differences);
    }
    let again = warehouse.load("things.csv", &file).only();
    let changed = again["changes"]["updated"].as_u64().unwrap()
        + again["changes"]["inserted"].as_u64().unwrap();
    if changed > 0 {
        return Err(format!("the same file again changes something: {again:#}"));
    }
    Ok(line - 1)
}

fn differences(warehouse: &Warehouse, shapes: &[Shape]) -> String {
    let mut differences = String::new();
    for (place, shape) in shapes.iter().enumerate() {
        let found = warehouse.query(&format!(
            "set bytea_output = 'hex'; set timezone = 'UTC'; set datestyle = 'ISO, YMD';
             select sent.line, sent.field, fate.found, fate.expected
             from public.sent
             left join datawarehouse.things on things.source_line = sent.line
             cross join lateral (
                select case
                        when exists (
                            select from hayloft.reject
                            where reject.line = sent.line and column_name = 'c{place}') then 'rejected'
                        when things.label is null then 'nowhere'
                        when things.c{place}::text::{plain} = sent.field::{plain} then 'stored'
                        else 'stored as ' || coalesce(things.c{place}::text, 'null')
                    end,
                    case
                        when (select coalesce(bool_and(public.fits(part.field, part.plain, part.declared)), true)
                              from public.part where part.line = sent.line) then 'stored'
                        else 'rejected'
                    end
             ) as fate (found, expected)
             where sent.place = {place} and fate.found <> fate.expected",
            plain = shape.plain
        ));
        if !found.is_empty() {
            let _ = writeln!(
                differences,
                "{} (plainly {}):\n{found}",
                shape.declared, shape.plain
            );
        }
    }
    differences
}

#[test]
fn values_are_stored_as_meant_or_rejected() {
    let mut values = 0;
    try_cases(2, |seed| {
        values += try_case(seed)?;
        Ok(())
    });
    eprintln!("{values} values of random types were tried");
}
