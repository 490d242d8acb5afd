//! Dates, timestamps and instants, in every pattern.

use super::*;

fn in_zone(zone: Tz) -> ValueParser {
    let mut column = column(ColumnType::TimestampTz(Precision::MICROS));
    column.spelling.zone = zone;
    ValueParser::new(&column).unwrap()
}

fn date_of(bytes: &[u8]) -> String {
    let days = i32::from_be_bytes(bytes.try_into().unwrap());
    let day = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::TimeDelta::days(days.into());
    day.to_string()
}

fn micros_of(bytes: &[u8]) -> String {
    let micros = i64::from_be_bytes(bytes.try_into().unwrap());
    let epoch = NaiveDate::from_ymd_opt(2000, 1, 1)
        .unwrap()
        .and_time(chrono::NaiveTime::MIN);
    (epoch + chrono::TimeDelta::microseconds(micros)).to_string()
}

#[test]
fn a_date_has_the_contracts_format_and_no_other() {
    let day_first = formatted(ColumnType::Date, "%d/%m/%Y").unwrap();
    assert_eq!(date_of(&value(&day_first, "31/12/2020")), "2020-12-31");
    assert_eq!(
        date_of(&value(&day_first, "01/02/2020")),
        "2020-02-01",
        "never swapped"
    );
    assert_eq!(date_of(&value(&day_first, "29/02/2020")), "2020-02-29");
    assert_rejects(
        &day_first,
        RejectKind::BadType,
        "2020-02-30|29/02/2021|1/1/20|12/31/2020|1/1/2020|31-12-2020|31/12/20200|\
         31/12/2020 00:00:00| 31/12/2020|+1/12/2020|44197|٣١/12/2020|now|today|\
         epoch|infinity|-infinity",
    );
    assert_rejects(&day_first, RejectKind::Overflow, "01/01/0000|00/00/0000");
    assert_eq!(
        fault(&day_first, "2020-02-03").message,
        "is not a date in the format %d/%m/%Y"
    );
    assert_eq!(
        fault(&day_first, "30/02/2020").message,
        "is in the format %d/%m/%Y, but no calendar or clock shows that date"
    );
}

#[test]
fn a_date_without_a_format_is_iso() {
    let iso = parser(ColumnType::Date);
    for day in ["0001-01-01", "1999-12-31", "2000-01-01", "9999-12-31"] {
        assert_eq!(date_of(&value(&iso, day)), day);
    }
    assert_eq!(key_text(&iso, "0987-06-05"), "0987-06-05");
    assert_rejects(
        &iso,
        RejectKind::BadType,
        "31/12/2020|2020-02-30|2020-13-01|20200101|2020-1-1|5874898-01-01|\
         0001-01-01 BC|2020-01-01T00:00:00|2020-W01-1|now|infinity|44197",
    );
    assert_rejects(&iso, RejectKind::Overflow, "0000-01-01");
}

#[test]
fn other_patterns_must_give_back_the_field_to_the_byte() {
    let long = formatted(ColumnType::Date, "%-d %B %Y").unwrap();
    assert_eq!(date_of(&value(&long, "5 January 2021")), "2021-01-05");
    assert_rejects(
        &long,
        RejectKind::BadType,
        "05 January 2021|5 january 2021|5 Jan 2021|5  January 2021| 5 January 2021|\
         31 June 2021|5 January 12021",
    );
    assert_rejects(&long, RejectKind::Overflow, "5 January 0000");
    let twice = formatted(ColumnType::Date, "%d %Y-%m-%d").unwrap();
    assert_eq!(date_of(&value(&twice, "05 2021-01-05")), "2021-01-05");
    assert_rejects(&twice, RejectKind::BadType, "06 2021-01-05");
    let half_day = formatted(
        ColumnType::Timestamp(Precision::MICROS),
        "%Y-%m-%d %I:%M:%S %p",
    )
    .unwrap();
    assert_eq!(
        micros_of(&value(&half_day, "2021-01-05 12:30:00 AM")),
        "2021-01-05 00:30:00"
    );
    assert_rejects(
        &half_day,
        RejectKind::BadType,
        "2021-01-05 12:30:60 AM|2021-01-05 13:30:00 AM",
    );
    let day_of_year = formatted(ColumnType::Date, "%Y.%j").unwrap();
    assert_eq!(date_of(&value(&day_of_year, "2021.032")), "2021-02-01");
}

#[test]
fn a_pattern_that_cannot_hold_is_refused_before_any_file_is_read() {
    use ColumnType::{Date, Int4, Timestamp, TimestampTz};
    let micros = Precision::MICROS;
    for (column_type, format, reason) in [
        (Date, "%d/%m/%y", "the century would be a guess"),
        (Date, "%D", "the century would be a guess"),
        (Date, "%d/%m", "leaves open which moment"),
        (Date, "%Y week %W", "leaves open which moment"),
        (Date, "constant", "leaves open which moment"),
        (Date, "%Y-%m-%d %H:%M:%S", "which a date would lose"),
        (Date, "%Q", "not a strftime pattern"),
        (Timestamp(micros), "%Y-%m-%d %H", "leaves open which moment"),
        (
            Timestamp(micros),
            "%Y-%m-%d %H:%M%.f",
            "leaves open which moment",
        ),
        (
            Timestamp(micros),
            "%Y-%m-%d %I:%M",
            "leaves open which moment",
        ),
        (Timestamp(micros), "%Y-%m-%d %H:%M:%S%z", "has no time zone"),
        (
            TimestampTz(micros),
            "%Y-%m-%d %H:%M:%S %Z",
            "name of a time zone",
        ),
        (TimestampTz(micros), "%s", "leaves open which moment"),
        (Int4, "%Y", "a format is for dates and timestamps"),
    ] {
        let fault = formatted(column_type, format)
            .expect_err(format)
            .to_string();
        assert!(
            fault.starts_with("The contract of column thing cannot hold: "),
            "{fault}"
        );
        assert!(fault.contains(reason), "{format}: {fault}");
    }
    for format in [
        "%d/%m/%Y",
        "%F",
        "%Y%m%d",
        "%e %b %Y",
        "%Y-%m-%d 00:00:00",
        "%A, %d. %B %Y",
        "%G-W%V-%u",
    ] {
        formatted(Date, format).expect(format);
    }
    for format in [
        "%F %T",
        "%FT%T%.f",
        "%d/%m/%Y",
        "%Y-%m-%dT%H:%M:%S%.3f",
        "%c",
    ] {
        formatted(Timestamp(micros), format).expect(format);
    }
    for format in ["%F %T%z", "%FT%T%.f%:z", "%+", "%a, %d %b %Y %T %z"] {
        formatted(TimestampTz(micros), format).expect(format);
    }
}

#[test]
fn a_timestamp_is_iso_without_an_offset() {
    let parser = parser(ColumnType::Timestamp(Precision::MICROS));
    for (field, expected) in [
        ("2021-03-28 02:30:00", "2021-03-28 02:30:00"),
        ("2021-03-28T02:30:00.5", "2021-03-28 02:30:00.500"),
        (
            "1999-12-31 23:59:59.999999999",
            "1999-12-31 23:59:59.999999",
        ),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
    ] {
        assert_eq!(micros_of(&value(&parser, field)), expected, "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        "2021-03-28|2021-03-28 24:00:00|2021-03-28 23:59:60|2021-03-28 12:60:00|\
         2021-03-28 02:30|2021-03-28 02:30:00.|2021-03-28  02:30:00|\
         2021-03-28t02:30:00|2021-03-28 02:30:00Z|2021-03-28 02:30:00+01:00|\
         294277-01-01 00:00:00|now|2021-02-30 00:00:00|2021-03-28 2:30:00|\
         2021-03-28 02:30:00 UTC",
    );
    assert_rejects(&parser, RejectKind::Overflow, "0000-01-01 00:00:00");
    assert_eq!(
        fault(&parser, "2021-03-28 02:30:00Z").message,
        "has an offset from UTC, and the column has no time zone"
    );
    let date_only = formatted(ColumnType::Timestamp(Precision::MICROS), "%d/%m/%Y").unwrap();
    assert_eq!(
        micros_of(&value(&date_only, "28/03/2021")),
        "2021-03-28 00:00:00"
    );
}

#[test]
fn an_instant_is_taken_in_the_contracts_zone_unless_it_says_its_offset() {
    let rome = in_zone(Tz::Europe__Rome);
    for (field, expected) in [
        ("2021-01-01 12:00:00", "2021-01-01 11:00:00"),
        ("2021-07-01 12:00:00", "2021-07-01 10:00:00"),
        ("2021-07-01 12:00:00Z", "2021-07-01 12:00:00"),
        ("2021-07-01T12:00:00.25-05:30", "2021-07-01 17:30:00.250"),
        ("2021-07-01 12:00:00-00:30", "2021-07-01 12:30:00"),
        ("2021-07-01 12:00:00+00", "2021-07-01 12:00:00"),
    ] {
        assert_eq!(micros_of(&value(&rome, field)), expected, "{field:?}");
    }
    assert_rejects(
        &rome,
        RejectKind::BadType,
        "2021-07-01 12:00:00+16:00|2021-07-01 12:00:00+01:60|\
         2021-07-01 12:00:00+0100|2021-07-01 12:00:00z|2021-07-01 12:00:00 CET|\
         2021-07-01 12:00:00+1|2021-07-01",
    );
    assert_rejects(
        &rome,
        RejectKind::Overflow,
        "0001-01-01 00:00:00|9999-12-31 23:59:59-01:00|0000-01-01 00:00:00Z",
    );
    let with_offset = formatted(
        ColumnType::TimestampTz(Precision::MICROS),
        "%d.%m.%Y %H:%M %z",
    )
    .unwrap();
    assert_eq!(
        micros_of(&value(&with_offset, "01.07.2021 12:00 -0530")),
        "2021-07-01 17:30:00"
    );
    assert_rejects(
        &with_offset,
        RejectKind::BadType,
        "01.07.2021 12:00|01.07.2021 12:00 -05:30",
    );
}

#[test]
fn where_clocks_change_a_local_time_may_be_skipped_or_occur_twice() {
    let rome = in_zone(Tz::Europe__Rome);
    let skipped = fault(&rome, "2021-03-28 02:30:00");
    assert_eq!(skipped.kind, RejectKind::NonexistentTime);
    assert_eq!(skipped.message, "is a local time that Europe/Rome skips");

    let mut row = Vec::new();
    assert_eq!(
        rome.parse(b"2021-10-31 02:30:00", &mut row),
        Ok(Parsed::Ambiguous)
    );
    assert_eq!(
        micros_of(&row[4..]),
        "2021-10-31 00:30:00",
        "the earlier, in summer time"
    );
    assert_eq!(
        rome.parse(b"2021-10-31 02:30:00+01:00", &mut Vec::new()),
        Ok(Parsed::Value)
    );
}

#[test]
fn finer_than_a_microsecond_is_cut_off_also_by_other_patterns() {
    let fine = formatted(
        ColumnType::Timestamp(Precision::MICROS),
        "%Y-%m-%d %H:%M:%S%.9f",
    )
    .unwrap();
    let (a, b) = (
        "1999-12-31 23:59:59.123456789",
        "1999-12-31 23:59:59.123456000",
    );
    assert_eq!(value(&fine, a), value(&fine, b));
    assert_eq!(key_text(&fine, a), "1999-12-31T23:59:59.123456");
    assert_eq!(key_text(&fine, b), "1999-12-31T23:59:59.123456");
}

proptest! {
    #[test]
    fn every_day_comes_back_by_every_pattern(offset in 0_u64..3_652_059) {
        let day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + Days::new(offset);
        for format in ["%d/%m/%Y", "%Y%m%d", "%-d %B %Y", "%Y-%j"] {
            let parser = formatted(ColumnType::Date, format).unwrap();
            let field = day.format(format).to_string();
            prop_assert_eq!(date_of(&value(&parser, &field)), day.to_string());
        }
    }

}
