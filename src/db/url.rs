//! Where the database is, with the password that opens it.
//!
//! A text from a person comes in, in either of the two forms that Postgres' own tools take; a
//! [`DatabaseUrl`] goes out that can be connected with but not printed: `Debug` and `Display`
//! name user, host, port and database, and nothing else, so that no secret is shown by omission.
//! Nor does an error of this module repeat what it was given: a password with an unescaped `@`
//! or `/` in it ends up in any part of the URL.

use std::fmt;
use std::str::FromStr;

/// A database's address and the credentials for it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// As it was given: libpq reads it again, and knows options that we don't.
    text: String,
    form: Form,
    /// What it says, under libpq's names, decoded.
    settings: Vec<(String, String)>,
    proof: Proof,
}

/// What a server has to prove before anything is said to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// What the address itself asks for.
    AsGiven,
    /// That it knows the password, without being told it: whoever listens where our server was is sent
    /// neither the password nor a row.
    Password,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `postgres://user:password@host:port/database?option=value`
    Url,
    /// `host=… port=… user=…`
    KeyValue,
}

/// Why a text is no database URL. The text itself is in none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Nothing, or only spaces.
    #[error(
        "The database URL is empty: give one like postgres://user:password@host:5432/database."
    )]
    Empty,
    /// Neither of the two forms.
    #[error(
        "The database URL starts with neither postgres:// nor postgresql://, and is no list of \
         key=value either: give one like postgres://user:password@host:5432/database."
    )]
    Unknown,
    /// An `@` where none can be, which is nearly always a password's.
    #[error(
        "The database URL has an @ or a / in its user or password: write %40 for @ and %2F for /."
    )]
    Unescaped,
    /// A `%` that is no escape.
    #[error(
        "The database URL has a % that two hexadecimal digits don't follow: write %25 for a % itself."
    )]
    Percent,
    /// No number, or none that a port can have.
    #[error("The port in the database URL is no number from 1 to 65535.")]
    Port,
    /// `?` or `&` without `key=value`.
    #[error("An option after the ? of the database URL is not of the form key=value.")]
    Option,
    /// A quote that never closes, or a key without `=`.
    #[error(
        "The database's key=value list cannot be read: a key has no =, or a quote is not closed."
    )]
    KeyValue,
    /// NUL or a line break.
    #[error("The database URL has a line break or another control character in it.")]
    Control,
}

impl DatabaseUrl {
    /// The whole text with the password in it: for connecting, and for a person who asked for
    /// the URL of their own embedded database. Never for a log or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The text that libpq connects by. An option in it is of libpq 16, which is compiled in; older tools,
    /// to which a person gives the text of [`Self::expose`], would refuse it.
    pub(super) fn for_connecting(&self) -> String {
        match self.proof {
            Proof::AsGiven => self.text.clone(),
            Proof::Password => self.clone().or_text("require_auth", "scram-sha-256").text,
        }
    }

    /// The user's name, if given.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.get("user")
    }

    /// The database's name: libpq's default for it is the user's name.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.get("dbname").or_else(|| self.user())
    }

    /// `host:port`, or several of them separated by commas.
    #[must_use]
    pub fn place(&self) -> String {
        let hosts = self.get("host").or_else(|| self.get("hostaddr"));
        let hosts = hosts.unwrap_or("localhost").split(',');
        let ports: Vec<&str> = self.get("port").unwrap_or_default().split(',').collect();
        let place = |(index, host): (usize, &str)| match ports.get(index).or(ports.first()) {
            Some(port) if !port.is_empty() => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        hosts.enumerate().map(place).collect::<Vec<_>>().join(",")
    }

    /// The same address with an option that holds unless the address itself says otherwise.
    #[must_use]
    pub fn or_option(self, key: &str, value: u32) -> Self {
        self.or_text(key, &value.to_string())
    }

    /// The same for a value that needs no escaping.
    fn or_text(mut self, key: &str, value: &str) -> Self {
        if self.get(key).is_some() {
            return self;
        }
        let separator = match self.form {
            Form::KeyValue => ' ',
            Form::Url if self.text.contains('?') => '&',
            Form::Url => '?',
        };
        self.text
            .extend([separator.to_string(), format!("{key}={value}")]);
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The address of an embedded server. None of its parts needs escaping.
    pub(super) fn embedded(user: &str, password: &str, port: u16, database: &str) -> Self {
        let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Self {
            text: format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}"),
            form: Form::Url,
            settings: vec![
                setting("user", user),
                setting("password", password),
                setting("host", "127.0.0.1"),
                setting("port", &port.to_string()),
                setting("dbname", database),
            ],
            proof: Proof::Password,
        }
    }

    /// One setting under libpq's name for it. A repeated one counts as libpq counts it: the last.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// A message of Postgres or libpq with anything of ours that is secret blotted out.
    pub(super) fn scrub(&self, message: &str) -> String {
        let mut clean = message.replace(&self.text, "(the database URL)");
        for (key, value) in &self.settings {
            if is_secret(key) && !value.is_empty() {
                clean = clean.replace(value.as_str(), "***");
            }
        }
        clean
    }
}

/// By part of the name, so that the secrets of a newer libpq are covered as well.
fn is_secret(key: &str) -> bool {
    ["password", "secret", "key", "token"]
        .iter()
        .any(|part| key.contains(part))
}

impl FromStr for DatabaseUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadUrl::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(BadUrl::Control);
        }
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"));
        let (form, settings) = match rest {
            Some(rest) => (Form::Url, url_settings(rest)?),
            None if text.contains("://") || !text.contains('=') => return Err(BadUrl::Unknown),
            None => (Form::KeyValue, key_value_settings(text)?),
        };
        check_ports(&settings)?;
        Ok(Self {
            text: text.to_owned(),
            form,
            settings,
            proof: Proof::AsGiven,
        })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.user() {
            f.write_str(user)?;
            f.write_str(if self.get("password").is_some() {
                ":***@"
            } else {
                "@"
            })?;
        }
        f.write_str(&self.place())?;
        self.database()
            .map_or(Ok(()), |database| write!(f, "/{database}"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

type Settings = Vec<(String, String)>;

/// Reads what follows `postgres://`, and cuts where libpq cuts: the user ends at the first `@`
/// that no `/` precedes.
fn url_settings(rest: &str) -> Result<Settings, BadUrl> {
    let mut settings = Settings::new();
    let (credentials, rest) = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => (Some(&rest[..at]), &rest[at + 1..]),
        _ => (None, rest),
    };
    if let Some(credentials) = credentials {
        let (user, password) = split(credentials, ':');
        push_given(&mut settings, "user", Some(user))?;
        push_given(&mut settings, "password", password)?;
    }
    let (address, options) = split(rest, '?');
    if address.contains('@') {
        return Err(BadUrl::Unescaped);
    }
    let (hosts, database) = split(address, '/');
    push_hosts(&mut settings, hosts)?;
    push_given(&mut settings, "dbname", database)?;
    for option in options.into_iter().flat_map(|options| options.split('&')) {
        let (key, value) = option.split_once('=').ok_or(BadUrl::Option)?;
        settings.push((decoded(key)?, decoded(value)?));
    }
    Ok(settings)
}

/// Several hosts, each with a port of its own, become two lists, as in libpq.
fn push_hosts(settings: &mut Settings, hosts: &str) -> Result<(), BadUrl> {
    let pairs: Vec<(&str, &str)> = hosts.split(',').map(host_and_port).collect();
    let list = |part: fn(&(&str, &str)) -> String| pairs.iter().map(part).collect::<Vec<_>>();
    push_given(
        settings,
        "host",
        Some(&list(|pair| pair.0.to_owned()).join(",")),
    )?;
    let ports = list(|pair| pair.1.to_owned());
    if ports.iter().any(|port| !port.is_empty()) {
        push_given(settings, "port", Some(&ports.join(",")))?;
    }
    Ok(())
}

/// The colons of an IPv6 address stand in brackets and separate no port.
fn host_and_port(host: &str) -> (&str, &str) {
    let bracket = host.rfind(']').unwrap_or(0);
    match host[bracket..].find(':') {
        Some(colon) => (&host[..bracket + colon], &host[bracket + colon + 1..]),
        None => (host, ""),
    }
}

fn push_given(settings: &mut Settings, key: &str, raw: Option<&str>) -> Result<(), BadUrl> {
    if let Some(raw) = raw.filter(|raw| !raw.is_empty()) {
        settings.push((key.to_owned(), decoded(raw)?));
    }
    Ok(())
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

fn decoded(text: &str) -> Result<String, BadUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(BadUrl::Percent)?;
        bytes.push(
            hex(digits)
                .filter(|byte| *byte != 0)
                .ok_or(BadUrl::Percent)?,
        );
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| BadUrl::Percent)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// `key = value` pairs; a value may stand in single quotes, and a backslash escapes in both.
fn key_value_settings(text: &str) -> Result<Settings, BadUrl> {
    let mut settings = Settings::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(BadUrl::KeyValue)?;
        let key = key.trim_end();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(BadUrl::KeyValue);
        }
        let (value, after) = value_of_key(after.trim_start())?;
        settings.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(settings)
}

fn value_of_key(text: &str) -> Result<(String, &str), BadUrl> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            space if !quoted && space.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        Err(BadUrl::KeyValue)
    } else {
        Ok((value, ""))
    }
}

fn check_ports(settings: &Settings) -> Result<(), BadUrl> {
    let ports = settings.iter().filter(|(key, _)| key == "port");
    for port in ports.flat_map(|(_, ports)| ports.split(',')) {
        if !port.is_empty() && port.parse::<u16>().unwrap_or(0) == 0 {
            return Err(BadUrl::Port);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BadUrl, DatabaseUrl};

    const CANARY: &str = "c4n4ry";

    #[test]
    fn both_forms_are_read_and_neither_shows_its_password() {
        let table = [
            (
                "postgres://bob:c4n4ry@db:5433/sales",
                "postgres://bob:***@db:5433/sales",
            ),
            (
                "postgresql://bob:%634n4ry@db/sales?sslmode=require",
                "postgres://bob:***@db/sales",
            ),
            (
                "postgres://bob@db?password=c4n4ry&sslpassword=c4n4ry",
                "postgres://bob:***@db/bob",
            ),
            (
                "postgres://bob:c4n4ry?#@db/sales",
                "postgres://bob:***@db/sales",
            ),
            (
                "postgres://a:c4n4ry@h1:1,h2:2/d",
                "postgres://a:***@h1:1,h2:2/d",
            ),
            (
                "postgres://a:c4n4ry@[::1]:7/d",
                "postgres://a:***@[::1]:7/d",
            ),
            ("postgres://", "postgres://localhost"),
            (
                "host=db user=bob password=c4n4ry",
                "postgres://bob:***@db/bob",
            ),
            (
                "host = db port=5 user=bob password='c4n4ry\\' x' dbname=d",
                "postgres://bob:***@db:5/d",
            ),
        ];
        for (text, shown) in table {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.expose(), text);
            assert!(!format!("{url:?}").contains(CANARY), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_repeating_it() {
        let table = [
            ("  ", BadUrl::Empty),
            ("c4n4ry", BadUrl::Unknown),
            ("mysql://bob:c4n4ry@db/sales?a=b", BadUrl::Unknown),
            ("postgres://bob:c4n4@ry@db/sales", BadUrl::Unescaped),
            ("postgres://bob:c4n4/ry@db/sales", BadUrl::Unescaped),
            ("postgres://bob:c4n4ry%@db/sales", BadUrl::Percent),
            ("postgres://bob:c4n4ry%+1@db/sales", BadUrl::Percent),
            ("postgres://bob:c4n4ry%00@db/sales", BadUrl::Percent),
            ("postgres://bob:c4n4ry@db:99999/sales", BadUrl::Port),
            ("postgres://bob:c4n4ry@db:x/sales", BadUrl::Port),
            ("postgres://bob:c4n4ry@db/sales?sslmode", BadUrl::Option),
            ("host=db password='c4n4ry", BadUrl::KeyValue),
            ("host=db c4n4ry", BadUrl::KeyValue),
            ("postgres://bob:c4n4ry\n@db", BadUrl::Control),
        ];
        for (text, expected) in table {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, expected, "{text:?}");
            assert!(!error.to_string().contains("c4n4"), "{error}");
        }
    }

    #[test]
    fn an_option_that_is_given_is_left_as_it_is() {
        let table = [
            ("postgres://db/d", "postgres://db/d?keepalives_idle=30"),
            (
                "postgres://db/d?a=b",
                "postgres://db/d?a=b&keepalives_idle=30",
            ),
            ("host=db", "host=db keepalives_idle=30"),
            ("host=db keepalives_idle=5", "host=db keepalives_idle=5"),
        ];
        for (text, expected) in table {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.or_option("keepalives_idle", 30).expose(), expected);
        }
    }

    #[test]
    fn a_message_that_repeats_the_password_is_blotted_out() {
        let url: DatabaseUrl = "postgres://bob:c4n4ry@db/d?sslpassword=0th3r"
            .parse()
            .unwrap();
        let message = "no such thing: postgres://bob:c4n4ry@db/d?sslpassword=0th3r c4n4ry 0th3r";
        assert_eq!(
            url.scrub(message),
            "no such thing: (the database URL) *** ***"
        );
    }

    #[test]
    fn an_embedded_url_reads_back_as_it_was_made() {
        let made = DatabaseUrl::embedded("hayloft", CANARY, 20_000, "hayloft");
        let read: DatabaseUrl = made.expose().parse().unwrap();
        assert_eq!(read.settings, made.settings);
        assert_eq!(read.for_connecting(), read.expose());
        let asked = format!("{}?require_auth=scram-sha-256", made.expose());
        assert_eq!(made.for_connecting(), asked);
    }
}
