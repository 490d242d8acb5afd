//! Integers, decimals, floats and booleans.

use super::*;

fn numeric(precision: u16, scale: i16) -> ValueParser {
    parser(ColumnType::Numeric(Some(NumericLimit { precision, scale })))
}

/// A `numeric`'s bytes as text, read independently of how they were written.
fn decoded(bytes: &[u8]) -> String {
    let words: Vec<i16> = bytes
        .chunks(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let (weight, sign, scale) = (
        i32::from(words[1]),
        words[2],
        usize::try_from(words[3]).unwrap(),
    );
    let groups = &words[4..];
    assert_eq!(groups.len(), usize::try_from(words[0]).unwrap());
    let group = |place: i32| {
        let index = usize::try_from(weight - place).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let digits = |places: &mut dyn Iterator<Item = i32>| {
        places.fold(String::new(), |digits, place| {
            format!("{digits}{:04}", group(place))
        })
    };
    let whole = digits(&mut (0..=weight.max(0)).rev());
    let fraction = digits(&mut (-20..0).rev());
    let whole = whole.trim_start_matches('0');
    let sign = if sign == 0 { "" } else { "-" };
    let point = if scale == 0 { "" } else { "." };
    let whole = if whole.is_empty() { "0" } else { whole };
    assert!(
        fraction[scale..].bytes().all(|digit| digit == b'0'),
        "digits after the scale"
    );
    format!("{sign}{whole}{point}{}", &fraction[..scale])
}

#[test]
fn integers_are_digits_within_the_range() {
    let int4 = parser(ColumnType::Int4);
    for (field, expected) in [
        ("007", 7_i32),
        ("-0", 0),
        ("0", 0),
        ("-2147483648", i32::MIN),
    ] {
        assert_eq!(value(&int4, field), expected.to_be_bytes(), "{field:?}");
    }
    assert_rejects(
        &int4,
        RejectKind::BadType,
        "+5|1e3|1_000|1,000|0x1A|٤٢|-|--1|1-|1.0|٤|five|5 5",
    );
    assert_rejects(&int4, RejectKind::Overflow, "2147483648|-2147483649");
    assert_eq!(
        fault(&int4, "2147483648").message,
        "is not between -2147483648 and 2147483647"
    );

    assert_eq!(
        value(&parser(ColumnType::Int2), "-32768"),
        i16::MIN.to_be_bytes()
    );
    assert_rejects(&parser(ColumnType::Int2), RejectKind::Overflow, "32768");
    let int8 = parser(ColumnType::Int8);
    assert_eq!(value(&int8, "9223372036854775807"), i64::MAX.to_be_bytes());
    assert_eq!(value(&int8, "-9223372036854775808"), i64::MIN.to_be_bytes());
    let long = "9".repeat(100);
    assert_rejects(
        &int8,
        RejectKind::Overflow,
        "9223372036854775808|-9223372036854775809",
    );
    assert_rejects(&int8, RejectKind::Overflow, &long);
}

#[test]
fn numerics_are_exact_and_never_rounded() {
    let money = numeric(12, 2);
    for (field, expected) in [
        ("12.34", "12.34"),
        ("12", "12.00"),
        ("012.3", "12.30"),
        ("12.3400", "12.34"),
        ("-0.0", "0.00"),
        ("-0", "0.00"),
        ("0.01", "0.01"),
        ("-9999999999.99", "-9999999999.99"),
        ("10000", "10000.00"),
        ("100000000", "100000000.00"),
        ("99990001", "99990001.00"),
    ] {
        assert_eq!(decoded(&value(&money, field)), expected, "{field:?}");
    }
    assert_rejects(
        &money,
        RejectKind::BadType,
        "1,234.56|1.234,56|$12|12€|(5)|5-|+5|NaN|Infinity|-inf|1e400|1e-400|1e2|.5|\
         5.|.|-|1.2.3|1_0|0x1A|٤٢",
    );
    assert_rejects(
        &money,
        RejectKind::Overflow,
        "999.995|10000000000|-10000000000.00",
    );
    assert_eq!(
        fault(&money, "999.995").message,
        "has more than 2 digits after the point, and Hayloft does not round"
    );
    assert_eq!(
        fault(&money, "10000000000").message,
        "is too large for numeric(12,2)"
    );
}

#[test]
fn spellings_of_one_number_have_the_same_bytes() {
    let (limited, unlimited) = (numeric(12, 2), parser(ColumnType::Numeric(None)));
    for parser in [&limited, &unlimited] {
        for twins in [
            ["1", "1.0"],
            ["1", "01.000"],
            ["0", "-0.00"],
            ["-7.5", "-007.50"],
            ["10000", "10000.0"],
        ] {
            assert_eq!(
                value(parser, twins[0]),
                value(parser, twins[1]),
                "{twins:?}"
            );
            assert_eq!(
                key_text(parser, twins[0]),
                key_text(parser, twins[1]),
                "{twins:?}"
            );
        }
        assert_ne!(value(parser, "1"), value(parser, "10"));
        assert_ne!(value(parser, "1"), value(parser, "-1"));
    }
    assert_eq!(key_text(&limited, "-007.50"), "-7.5");
    let float = parser(ColumnType::Float8);
    assert_eq!(value(&float, "-0.0"), value(&float, "0"));
    assert_eq!(value(&float, "1.50"), value(&float, "15e-1"));
}

#[test]
fn numerics_end_where_those_of_postgres_end() {
    let parser = parser(ColumnType::Numeric(None));
    let widest = format!("{}.{}1", "9".repeat(131_072), "0".repeat(16_382));
    assert_eq!(value(&parser, &widest).len(), 8 + 2 * (131_072 / 4 + 4096));
    let (wide, fine) = (format!("1{widest}"), format!("{widest}1"));

    for field in [&wide, &fine] {
        assert_eq!(reject(&parser, field), RejectKind::Overflow, "{field:?}");
    }
    let padded = format!("000{}", "0".repeat(200_000));
    assert_eq!(decoded(&value(&parser, &padded)), "0");
}

#[test]
fn a_scale_above_the_precision_leaves_room_for_small_numbers_only() {
    let small = numeric(2, 5);
    assert_eq!(decoded(&value(&small, "0.00099")), "0.00099");
    assert_rejects(&small, RejectKind::Overflow, "0.001|1|0.000001");
}

#[test]
fn floats_are_finite_and_not_lost_to_zero() {
    let (float4, float8) = (parser(ColumnType::Float4), parser(ColumnType::Float8));
    assert_eq!(value(&float8, "-1.5E+3"), (-1500.0_f64).to_be_bytes());
    assert_eq!(value(&float4, "0.1"), 0.1_f32.to_be_bytes());
    assert_eq!(value(&float8, "0e5"), 0.0_f64.to_be_bytes());
    for parser in [&float4, &float8] {
        assert_rejects(
            parser,
            RejectKind::BadType,
            "NaN|inf|-Infinity|+1|.5|5.|1e|1e+|1,5|0x1p3|1 |e5",
        );
        assert_rejects(parser, RejectKind::Overflow, "1e400|-1e400|1e-400|0.1e-400");
    }
    assert_rejects(&float4, RejectKind::Overflow, "1e39|1e-50");
}

#[test]
fn a_float_gives_every_digit_back() {
    let (float4, float8) = (parser(ColumnType::Float4), parser(ColumnType::Float8));
    for kept in [
        "0.1",
        "16777216",
        "16777220",
        "1.2345679",
        "0.100000001490116",
        "-3.14159274",
        "1e-45",
        "00000000.5000000000",
        "0.0000000000",
    ] {
        value(&float4, kept);
    }
    assert_rejects(
        &float4,
        RejectKind::Overflow,
        "16777217|1.23456789|3.14159265358979|1.5e-45|-0.1234567891",
    );
    for kept in [
        "0.1",
        "0.30000000000000004",
        "0.1000000000000000055511151231257827",
        "9007199254740992",
        "1.7976931348623157e308",
        "5e-324",
        "123456789012345.6",
    ] {
        value(&float8, kept);
    }
    assert_rejects(
        &float8,
        RejectKind::Overflow,
        "9007199254740993|0.12345678901234567890|1.2e-323|3.141592653589793238",
    );
    let long = format!("1{}1", "0".repeat(100_000));
    assert_rejects(&float8, RejectKind::Overflow, &format!("0.{long}"));
}

#[test]
fn booleans_are_a_closed_list() {
    let parser = parser(ColumnType::Bool);
    for field in ["true", "tRuE", "T", "yes", "Y", "1"] {
        assert_eq!(value(&parser, field), [1], "{field:?}");
    }
    for field in ["FALSE", "f", "No", "n", "0"] {
        assert_eq!(value(&parser, field), [0], "{field:?}");
    }
    assert_rejects(
        &parser,
        RejectKind::BadType,
        "of|o|on|off|2|tr|wahr| true|1.0",
    );
}

proptest! {
    #[test]
    fn every_integer_comes_back(number: i64, zeros in 0_usize..5) {
        let digits = format!("{}{}", "0".repeat(zeros), number.unsigned_abs());
        let field = if number < 0 { format!("-{digits}") } else { digits };
        let parser = parser(ColumnType::Int8);
        prop_assert_eq!(value(&parser, &field), number.to_be_bytes());
        prop_assert_eq!(key_text(&parser, &field), number.to_string());
    }

    #[test]
    fn every_decimal_comes_back(whole in "0|[1-9][0-9]{0,20}", fraction in "[0-9]{0,20}[1-9]", minus: bool) {
        let sign = if minus { "-" } else { "" };
        let shortest = format!("{sign}{whole}.{fraction}");
        let padded = format!("{sign}00{whole}.{fraction}000");
        let unlimited = parser(ColumnType::Numeric(None));
        prop_assert_eq!(decoded(&value(&unlimited, &shortest)), shortest.clone());
        prop_assert_eq!(value(&unlimited, &padded), value(&unlimited, &shortest));
        prop_assert_eq!(key_text(&unlimited, &padded), shortest);
    }

}
