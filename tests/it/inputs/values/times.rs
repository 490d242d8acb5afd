//! B42–B44: dates and timestamps.

use super::{Bad, Is, samples, try_column};

#[test]
fn b42_a_date_is_of_its_contracts_format_alone() {
    let warehouse = samples();
    let not = || Bad("bad_type", "is not a date");
    let never = || Bad("bad_type", "no calendar or clock shows");
    try_column(
        &warehouse,
        "british",
        &[
            ("B42", "31/12/2020", Is("2020-12-31")),
            ("B42", "01/02/2020", Is("2020-02-01")),
            ("B42", "29/02/2020", Is("2020-02-29")),
            ("B42", "29/02/2021", never()),
            ("B42", "30/02/2020", never()),
            ("B42", "31/04/2020", never()),
            ("B42", "12/31/2020", never()),
            ("B42", "00/00/0000", Bad("overflow", "years 1 to 9999")),
            ("B42", "00/01/2020", never()),
            ("B42", "2020-02-01", not()),
            ("B42", "1/1/20", not()),
            ("B42", "1/1/2020", not()),
            ("B42", "01/01/20", not()),
            ("B42", "01/01/20200", not()),
            ("B42", "01-02-2020", not()),
            ("B42", "01/02/2020 00:00", not()),
            (
                "B42",
                " 01/02/2020",
                Bad("bad_type", "white space around it"),
            ),
            ("B42", "01/ 2/2020", not()),
            ("B42", "\u{660}\u{661}/02/2020", not()),
        ],
    );
    try_column(
        &warehouse,
        "american",
        &[
            ("B42", "01/02/2020", Is("2020-01-02")),
            ("B42", "12/31/2020", Is("2020-12-31")),
            ("B42", "31/12/2020", never()),
        ],
    );
    try_column(
        &warehouse,
        "iso",
        &[
            ("B42", "2020-02-01", Is("2020-02-01")),
            ("B42", "2020-02-30", never()),
            ("B42", "2020-2-1", not()),
            ("B42", "20200201", not()),
            ("B42", "2020/02/01", not()),
            ("B42", "01/02/2020", not()),
            ("B42", "2020-02-01T00:00:00", not()),
        ],
    );
    try_column(
        &warehouse,
        "spoken",
        &[
            ("B42", " 1 February 2020", Is("2020-02-01")),
            ("B42", "11 December 2020", Is("2020-12-11")),
            ("B42", "01 February 2020", not()),
            ("B42", "11 Dec 2020", not()),
            ("B42", "11 Dezember 2020", not()),
            ("B42", "31 February 2020", never()),
        ],
    );
}

#[test]
fn b43_a_word_that_the_server_would_take_for_a_date_is_none() {
    let warehouse = samples();
    for column in ["british", "iso", "stamp", "instant"] {
        let words = [
            "now",
            "today",
            "tomorrow",
            "yesterday",
            "epoch",
            "infinity",
            "-infinity",
            "allballs",
            "NaT",
        ];
        try_column(
            &warehouse,
            column,
            &words.map(|word| ("B43", word, Bad("bad_type", "is not a"))),
        );
    }
}

#[test]
fn b44_dates_are_of_the_years_1_to_9999() {
    let warehouse = samples();
    let (not, years) = (
        || Bad("bad_type", "is not a date"),
        || Bad("overflow", "years 1 to 9999"),
    );
    try_column(
        &warehouse,
        "iso",
        &[
            ("B44", "0001-01-01", Is("0001-01-01")),
            ("B44", "9999-12-31", Is("9999-12-31")),
            ("B44", "0001-01-01 BC", not()),
            ("B44", "-0001-01-01", not()),
            ("B44", "0000-01-01", years()),
            ("B44", "10000-01-01", not()),
            ("B44", "5874898-01-01", not()),
            ("B44", "44197", not()),
            ("B44", "1577836800", not()),
        ],
    );
    try_column(
        &warehouse,
        "british",
        &[
            ("B44", "01/01/0000", years()),
            ("B44", "31/12/9999", Is("9999-12-31")),
        ],
    );
}

#[test]
fn b44_a_timestamp_is_a_moment_that_there_is() {
    let warehouse = samples();
    let not = || Bad("bad_type", "is not a timestamp");
    let never = || Bad("bad_type", "no calendar or clock shows");
    let offset = || Bad("bad_type", "has an offset from UTC");
    try_column(
        &warehouse,
        "stamp",
        &[
            ("B44", "2020-02-01 03:04:05", Is("2020-02-01 03:04:05")),
            ("B44", "2020-02-01T03:04:05", Is("2020-02-01 03:04:05")),
            (
                "B44",
                "2020-02-01 03:04:05.123456",
                Is("2020-02-01 03:04:05.123456"),
            ),
            (
                "B44",
                "2020-02-01 03:04:05.1234569",
                Is("2020-02-01 03:04:05.123456"),
            ),
            (
                "B44",
                "2020-02-01 23:59:59.9999999",
                Is("2020-02-01 23:59:59.999999"),
            ),
            ("B44", "2020-02-01 24:00:00", never()),
            ("B44", "2016-12-31 23:59:60", never()),
            ("B44", "2020-02-01 03:60:00", never()),
            ("B44", "2020-02-01", not()),
            ("B44", "2020-02-01 03:04", not()),
            ("B44", "2020-02-01  03:04:05", not()),
            ("B44", "294277-01-01 00:00:00", not()),
            ("B44", "2020-02-01 03:04:05Z", offset()),
            ("B44", "2020-02-01 03:04:05+02:00", offset()),
        ],
    );
    try_column(
        &warehouse,
        "instant",
        &[
            ("B44", "2020-02-01 03:04:05", Is("2020-02-01 03:04:05+00")),
            ("B44", "2020-02-01T03:04:05Z", Is("2020-02-01 03:04:05+00")),
            (
                "B44",
                "2020-02-01T03:04:05+02:00",
                Is("2020-02-01 01:04:05+00"),
            ),
            ("B44", "2020-02-01T03:04:05-0930", not()),
            ("B44", "2020-02-01T03:04:05 Europe/Berlin", not()),
            ("B44", "2016-12-31 23:59:60Z", never()),
            (
                "B44",
                "9999-12-31 23:00:00-02:00",
                Bad("overflow", "years 1 to 9999"),
            ),
            (
                "B44",
                "0001-01-01 00:00:00+02:00",
                Bad("overflow", "years 1 to 9999"),
            ),
        ],
    );
    try_column(
        &warehouse,
        "stamped",
        &[
            ("B44", "01/02/2020 03:04", Is("2020-02-01 03:04:00+00")),
            ("B44", "01/02/2020 24:00", never()),
            ("B44", "01/02/2020", not()),
        ],
    );
}

#[test]
fn b44_a_local_time_is_of_its_zone_and_one_that_the_zone_skips_is_a_reject() {
    try_column(
        &samples(),
        "local",
        &[
            ("B44", "2020-01-15 12:00:00", Is("2020-01-15 11:00:00+00")),
            ("B44", "2020-07-15 12:00:00", Is("2020-07-15 10:00:00+00")),
            ("B44", "2020-07-15 12:00:00Z", Is("2020-07-15 12:00:00+00")),
            (
                "B44",
                "2020-03-29 02:30:00",
                Bad("nonexistent_time", "Europe/Berlin skips"),
            ),
        ],
    );
}

#[test]
fn b44_a_local_time_that_occurs_twice_is_the_earlier_and_a_warning() {
    let warehouse = samples();
    let file = "label,local\ntwice,2020-10-25 02:30:00\n";
    let done = super::Done::load(&warehouse, &super::SAMPLES, "samples.csv", file.as_bytes());
    assert_eq!((done.run.status, done.count("rejected")), (0, 0));
    let [warning] = done.rejects.as_slice() else {
        panic!("{:#?}", done.rejects)
    };
    assert_eq!(
        (&*warning.kind, &*warning.severity),
        ("ambiguous_time", "warning")
    );
    assert_eq!((warning.line, warning.number), (2, Some(2)));
    let stored = warehouse.query("select local from datawarehouse.samples");
    assert_eq!(stored, "2020-10-25 00:30:00+00\n");
}
