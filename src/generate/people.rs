//! The rows of the two `users.csv`.
//!
//! In: a seed and the sizes. Out: rows, one at a time, each made from its number alone.
//!
//! Everybody has a number. Numbers below `users` are the rows of `inserts/users.csv`; then come
//! the new people of `updates/users.csv`, then those whose rows there are bad, then those who
//! never arrive.

use chrono::{Days, NaiveDate};

use super::names::Name;
use super::random::{Purpose, Random};
use super::spread::{Spread, Urn};
use super::{PROTAGONIST_EMAIL, Row, Sizes, bad_rows, date, spelt};

/// The header of both files.
pub(super) const HEADER: [&str; 3] = ["name", "email", "date_of_birth"];

const FIRST_BIRTHDAY: NaiveDate = date(1940, 1, 1);
const BIRTHDAYS: u64 = 68 * 365;

/// Only names that the standard reserves for examples, so no mailbox belongs to anybody.
const HOSTS: [&str; 8] = [
    "example.com",
    "example.net",
    "example.org",
    "harbour.example",
    "klinik.example",
    "mail.example",
    "post.example",
    "universidad.example",
];

/// Everybody.
#[derive(Clone, Copy)]
pub(super) struct People {
    seed: u64,
    sizes: Sizes,
    changed: Spread,
    /// For each shared address, the one who has it …
    hosts: Spread,
    /// … and the one who uses it too.
    guests: Spread,
}

/// One person, as a delivery describes them.
pub(super) struct Person {
    pub(super) name: String,
    /// In small letters; a delivery may spell it otherwise ([`shouted`]).
    pub(super) email: String,
    pub(super) born: NaiveDate,
}

impl People {
    pub(super) fn new(seed: u64, sizes: Sizes) -> Self {
        let spread = |lane, chosen| Spread {
            seed,
            lane,
            chosen,
            total: sizes.users,
        };
        Self {
            seed,
            sizes,
            changed: spread(0, sizes.changed_users),
            hosts: spread(1, sizes.shared_emails),
            guests: spread(2, sizes.shared_emails),
        }
    }

    /// The rows of `inserts/users.csv`.
    pub(super) fn inserts(self) -> impl Iterator<Item = Row> {
        (0..self.sizes.users).map(move |number| {
            let person = self.person(number);
            let email = match number % 100 {
                // A few write their address in capitals. It is the same address.
                50 => shouted(&person.email),
                _ => person.email,
            };
            vec![person.name, email, spelt(person.born)]
        })
    }

    /// The rows of `updates/users.csv`.
    pub(super) fn updates(self) -> impl Iterator<Item = Row> {
        let Sizes {
            changed_users,
            new_users,
            bad_users,
            ..
        } = self.sizes;
        let order = Random::new(self.seed, Purpose::PeopleOrder, 0);
        Urn::new(order, [changed_users, new_users, bad_users]).map(move |(kind, nth)| match kind {
            0 => self.changed_person(nth).row(),
            1 => self.person(self.newcomer(nth)).row(),
            _ => bad_rows::spoil(self.person(self.spoilt(nth)), nth),
        })
    }

    /// The number of the person whose story the demonstration tells: the first one that changes.
    pub(super) fn protagonist(&self) -> u64 {
        self.changed.place(0)
    }

    /// The number of the `nth` person who is first heard of in `updates/users.csv`.
    pub(super) fn newcomer(&self, nth: u64) -> u64 {
        self.sizes.users + nth
    }

    /// The number of the `nth` person whose row in `updates/users.csv` is bad.
    pub(super) fn spoilt(&self, nth: u64) -> u64 {
        self.newcomer(self.sizes.new_users) + nth
    }

    /// The number of the `nth` person who never arrives.
    pub(super) fn stranger(&self, nth: u64) -> u64 {
        self.spoilt(self.sizes.bad_users) + nth
    }

    /// The address of a person.
    pub(super) fn email(&self, number: u64) -> String {
        self.person(number).email
    }

    /// A person as first delivered.
    fn person(&self, number: u64) -> Person {
        if number == self.protagonist() {
            return zoe("Zoë Müller");
        }
        let (name, born) = self.character(number);
        let email = match self.guests.nth_at(number) {
            Some(nth) => self.own_email(self.hosts.place(nth)),
            None => self.own_email(number),
        };
        Person {
            name: name.written(),
            email,
            born,
        }
    }

    /// The `nth` changed person, as they are afterwards: another name or another date of birth.
    fn changed_person(&self, nth: u64) -> Person {
        let number = self.changed.place(nth);
        if nth == 0 {
            return zoe("Zoë Müller-O'Connor");
        }
        let mut person = self.person(number);
        let mut random = Random::new(self.seed, Purpose::PersonChange, number);
        if random.once_in(3) {
            person.born = person.born + Days::new(random.between(1, 40));
        } else {
            let (name, _) = self.character(number);
            person.name = name.with_another_family(&mut random).written();
        }
        person
    }

    fn character(&self, number: u64) -> (Name, NaiveDate) {
        let mut random = Random::new(self.seed, Purpose::Person, number);
        let name = Name::draw(&mut random);
        (name, FIRST_BIRTHDAY + Days::new(random.below(BIRTHDAYS)))
    }

    /// An address that nobody else has: it ends in the person's number, and no name has digits.
    fn own_email(&self, number: u64) -> String {
        let (name, _) = self.character(number);
        let (given, family) = (name.given_letters(), name.family_letters());
        let mailbox = match number % 5 {
            0 | 1 => format!("{given}.{family}"),
            2 => format!("{family}-{given}"),
            3 => format!("{}{family}", &given[..1]),
            _ => given,
        };
        let mut random = Random::new(self.seed, Purpose::Email, number);
        format!("{mailbox}{}@{}", number + 1, random.pick(&HOSTS))
    }
}

impl Person {
    fn row(self) -> Row {
        vec![self.name, self.email, spelt(self.born)]
    }
}

fn zoe(name: &str) -> Person {
    Person {
        name: name.into(),
        email: PROTAGONIST_EMAIL.into(),
        born: date(1991, 3, 14),
    }
}

/// The address as people write it who like capitals.
pub(super) fn shouted(email: &str) -> String {
    let mut spelling = String::with_capacity(email.len());
    let mut at_start = true;
    for letter in email.chars() {
        spelling.push(if at_start {
            letter.to_ascii_uppercase()
        } else {
            letter
        });
        at_start = !letter.is_ascii_alphanumeric();
    }
    spelling
}
