//! Types that are made of others, from the rows that the catalog gives.

use super::*;

fn row(oid: i64, modifier: i32, kind: &str, sql: &str) -> TypeRow {
    TypeRow {
        type_oid: oid,
        type_modifier: modifier,
        type_name: sql.split('(').next().unwrap_or_default().into(),
        type_schema: if kind == "b" { "pg_catalog" } else { "shop" }.into(),
        type_kind: kind.into(),
        type_sql: sql.into(),
        plain_sql: format!("plain {sql}"),
        delimiter: ",".into(),
        not_null: false,
        checks: Vec::new(),
        enum_labels: Vec::new(),
        label_oids: Vec::new(),
        made_of: Vec::new(),
        modifiers: Vec::new(),
    }
}

fn made_of(row: TypeRow, parts: &[&TypeRow]) -> TypeRow {
    TypeRow {
        made_of: parts.iter().map(|part| part.type_oid).collect(),
        modifiers: parts.iter().map(|part| part.type_modifier).collect(),
        ..row
    }
}

fn limited() -> TypeRow {
    row(1700, 393_222, "b", "numeric(6,2)")
}

fn limit() -> ColumnType {
    ColumnType::Numeric(Some(NumericLimit {
        precision: 6,
        scale: 2,
    }))
}

#[test]
fn a_domain_is_its_base_type_with_the_checks_of_all() {
    let price = TypeRow {
        checks: vec!["price_check".into()],
        not_null: true,
        ..made_of(row(50, -1, "d", "shop.price"), &[&limited()])
    };
    let low = TypeRow {
        checks: vec!["low_check".into()],
        ..made_of(row(51, -1, "d", "shop.low"), &[&price])
    };
    let types = Types::of(vec![limited(), price.clone(), low.clone()]);
    let described = types.describe(&low);
    assert_eq!(described.column_type, limit());
    assert_eq!(described.nullability, Nullability::Required);
    assert_eq!(
        described.domain,
        Some(Domain {
            sql: "shop.low".into(),
            checks: vec!["low_check".into(), "price_check".into()],
        })
    );
    assert_eq!(types.describe(&limited()).domain, None);
}

#[test]
fn a_type_that_is_made_of_others_knows_their_limits() {
    let price = made_of(row(50, -1, "d", "shop.price"), &[&limited()]);
    let prices = made_of(row(60, -1, "a", "shop.price[]"), &[&price]);
    let span = made_of(row(70, -1, "r", "shop.span"), &[&price]);
    let spans = made_of(row(71, -1, "m", "shop.spans"), &[&price]);
    let pair = made_of(row(80, -1, "c", "shop.pair"), &[&price, &prices]);
    let types = Types::of(vec![
        limited(),
        price,
        prices.clone(),
        span.clone(),
        spans.clone(),
        pair.clone(),
    ]);
    let server_type = |row: &TypeRow| match types.describe(row).column_type {
        ColumnType::Other(of_server) => of_server,
        known => panic!("{known:?}"),
    };
    let array = server_type(&prices);
    assert_eq!(array.form, TextForm::Array(Box::new(limit())));
    assert_eq!(array.plain, "plain numeric(6,2)[]");
    assert_eq!(array.equality, Equality::Value);
    assert_eq!(server_type(&span).form, TextForm::Range(Box::new(limit())));
    assert_eq!(
        server_type(&spans).form,
        TextForm::Multirange(Box::new(limit()))
    );
    let TextForm::Composite(fields) = server_type(&pair).form else {
        panic!("not composite");
    };
    assert_eq!(fields, [limit(), ColumnType::Other(array)]);
}

#[test]
fn a_type_that_is_made_of_itself_is_looked_into_so_deep_and_no_deeper() {
    let node = row(80, -1, "c", "shop.node");
    let nodes = made_of(row(81, -1, "a", "shop.node[]"), &[&node]);
    let node = made_of(node, &[&nodes]);
    let types = Types::of(vec![node.clone(), nodes]);
    let described = types.describe(&node).column_type;
    assert!(matches!(
        described,
        ColumnType::Other(ServerType {
            form: TextForm::Composite(_),
            ..
        })
    ));
}

#[test]
fn elements_that_are_not_apart_by_commas_are_left_to_the_server() {
    let corner = row(603, -1, "b", "box");
    let boxes = TypeRow {
        delimiter: ";".into(),
        ..made_of(row(1020, -1, "a", "box[]"), &[&corner])
    };
    let types = Types::of(vec![corner, boxes.clone()]);
    let ColumnType::Other(of_server) = types.describe(&boxes).column_type else {
        panic!("known");
    };
    assert_eq!(of_server.form, TextForm::Any);
}

#[test]
fn an_interval_within_a_composite_type_knows_what_it_keeps() {
    // interval(3), interval day to minute, interval year
    for (modifier, least, digits) in [
        (0x7fff_0003, IntervalField::Second, 3),
        (0x0c08_ffff, IntervalField::Minute, 6),
        (0x0004_ffff, IntervalField::Year, 6),
    ] {
        let span = row(1186, modifier, "b", "interval");
        let pair = made_of(row(80, -1, "c", "shop.pair"), &[&span]);
        let types = Types::of(vec![span.clone(), pair.clone()]);
        let ColumnType::Other(of_server) = types.describe(&pair).column_type else {
            panic!("known");
        };
        let TextForm::Composite(fields) = of_server.form else {
            panic!("not composite");
        };
        let [ColumnType::Other(field)] = &fields[..] else {
            panic!("{fields:?}");
        };
        let limit = IntervalLimit {
            least,
            precision: Precision::new(digits).unwrap(),
        };
        assert_eq!(field.form, TextForm::LimitedInterval(limit));
        let ColumnType::Other(alone) = types.describe(&span).column_type else {
            panic!("known");
        };
        assert_eq!(alone.form, TextForm::Interval);
    }
}
